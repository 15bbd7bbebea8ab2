"""Routing as an Alertmanager configuration file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.alerting.hours import format_day_ranges
from generator.alerting.model import Inhibition, Matcher, Route, Routing, TimeInterval
from generator.outputs import ReceiverName
from generator.outputs.alertmanager.receivers import IN_CONFIG, map_receivers
from generator.outputs.alertmanager.templates import TEMPLATE_PATH
from generator.text import yaml_writer

OTHERS_RECEIVER = "slo-others"


def render_config(
    routing: Routing, receivers: Mapping[ReceiverName, Mapping[str, Any]]
) -> Iterator[str]:
    """Render a complete configuration whose parts can be copied into another one."""
    yield "# A complete configuration; docs/alertmanager.md says how to merge it into yours."
    yield from yaml_writer.render_mapping({"templates": [TEMPLATE_PATH]})
    yield "# Insert all of `routes` before yours, in this order. An alert that one matches"
    yield "# is not sent to receivers that act on alerts, such as prometheus-events."
    routes = [_map_route(route) for route in (routing.own_route, *routing.other_routes)]
    yield from yaml_writer.render_mapping(
        {"route": {"receiver": OTHERS_RECEIVER, "routes": routes}}
    )
    yield "# One receiver per role. One without addresses sends nothing; set them with `receivers`"
    yield "# of the project settings."
    names = (*routing.receivers, OTHERS_RECEIVER)
    yield from yaml_writer.render_mapping({"receivers": map_receivers(names, receivers, IN_CONFIG)})
    yield from yaml_writer.render_mapping(
        {"inhibit_rules": [_map_inhibition(each) for each in routing.inhibitions]}
    )
    yield from yaml_writer.render_mapping(
        {"time_intervals": [_map_interval(each) for each in routing.intervals]}
    )


def _map_route(route: Route) -> Mapping[str, yaml_writer.YamlValue]:
    timing = route.timing
    return {
        "matchers": _format_matchers(route.matchers),
        "receiver": route.receiver,
        "group_by": route.group_by,
        "group_wait": timing.group_wait if timing else "",
        "group_interval": timing.group_interval if timing else "",
        "repeat_interval": timing.repeat_interval if timing else "",
        "active_time_intervals": route.active_time_intervals,
        "mute_time_intervals": route.mute_time_intervals,
        "routes": [_map_route(each) for each in route.routes],
    }


def _map_inhibition(inhibition: Inhibition) -> Mapping[str, yaml_writer.YamlValue]:
    return {
        "source_matchers": _format_matchers(inhibition.source),
        "target_matchers": _format_matchers(inhibition.target),
        "equal": inhibition.equal,
    }


def _map_interval(interval: TimeInterval) -> Mapping[str, yaml_writer.YamlValue]:
    hours = interval.hours
    times = [] if interval.all_day else [{"start_time": hours.start, "end_time": hours.end}]
    time_interval: Mapping[str, yaml_writer.YamlValue] = {
        "times": times,
        "weekdays": format_day_ranges(interval.days),
        "location": hours.zone,
    }
    return {"name": interval.name, "time_intervals": [time_interval]}


def _format_matchers(matchers: Sequence[Matcher]) -> list[yaml_writer.YamlValue]:
    return [yaml_writer.SingleQuoted(matcher) for matcher in matchers]
