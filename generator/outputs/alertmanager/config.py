"""Routing as an Alertmanager configuration file."""

from collections.abc import Iterator, Mapping, Sequence

from generator.alerting.hours import ranges
from generator.alerting.model import Inhibition, Interval, Matcher, Route, Routing
from generator.text import yaml_writer

OTHERS = "slo-others"
TEMPLATE = "templates/slo.tmpl"


def configuration(routing: Routing) -> Iterator[str]:
    """Render a complete configuration whose parts can be copied into another one."""
    yield "# Whole as it is, and pieces for yours: docs/alertmanager.md says how to merge them."
    yield from yaml_writer.render_nested_mapping({"templates": [TEMPLATE]})
    yield "# All of `routes` come before yours, in this order: what they take goes no further, and"
    yield "# nothing that acts on alerts, such as prometheus-events, hears of it."
    routes = [_route(route) for route in (routing.ours, *routing.about)]
    yield from yaml_writer.render_nested_mapping({"route": {"receiver": OTHERS, "routes": routes}})
    yield "# Roles without addresses: until you give them some, they tell nobody."
    names = (*routing.receivers, OTHERS)
    yield from yaml_writer.render_nested_mapping({"receivers": [{"name": name} for name in names]})
    yield from yaml_writer.render_nested_mapping(
        {"inhibit_rules": [_inhibition(each) for each in routing.inhibitions]}
    )
    yield from yaml_writer.render_nested_mapping(
        {"time_intervals": [_interval(each) for each in routing.intervals]}
    )


def _route(route: Route) -> Mapping[str, yaml_writer.Value]:
    pace = route.pace
    return {
        "matchers": _texts(route.matchers),
        "receiver": route.receiver,
        "group_by": route.group_by,
        "group_wait": pace.wait if pace else "",
        "group_interval": pace.interval if pace else "",
        "repeat_interval": pace.repeat if pace else "",
        "active_time_intervals": route.active,
        "mute_time_intervals": route.muted,
        "routes": [_route(each) for each in route.routes],
    }


def _inhibition(inhibition: Inhibition) -> Mapping[str, yaml_writer.Value]:
    return {
        "source_matchers": _texts(inhibition.source),
        "target_matchers": _texts(inhibition.target),
        "equal": inhibition.equal,
    }


def _interval(interval: Interval) -> Mapping[str, yaml_writer.Value]:
    hours = interval.hours
    times = [] if interval.all_day else [{"start_time": hours.start, "end_time": hours.end}]
    one: Mapping[str, yaml_writer.Value] = {
        "times": times,
        "weekdays": ranges(interval.days),
        "location": hours.zone,
    }
    return {"name": interval.name, "time_intervals": [one]}


def _texts(matchers: Sequence[Matcher]) -> list[str]:
    return [str(matcher) for matcher in matchers]
