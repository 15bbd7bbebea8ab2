"""Routing as an AlertmanagerConfig object of the Prometheus Operator."""

from collections.abc import Iterator, Mapping, Sequence

from generator.alerting.hours import UTC, ranges
from generator.alerting.model import Inhibition, Interval, Matcher, Route, Routing
from generator.text import yaml_writer

NAME = "slo-routing"


def config(routing: Routing, namespace: str, labels: Mapping[str, str]) -> Iterator[str]:
    """Render an AlertmanagerConfig.

    The object has one route, so routes of other alerts are left out. It has no time zones, so
    intervals in another zone than UTC are left out and tickets are notified at any hour.
    """
    yield "# The operator puts this route before yours, and lets what it takes go on. Of yours,"
    yield "# each that acts on alerts, such as prometheus-events, needs the matcher"
    yield f"#   {routing.not_ours}"
    yield "# docs/alertmanager.md says why, and what alertmanagerConfigMatcherStrategy has to be."
    intervals = [each for each in routing.intervals if each.hours.zone == UTC]
    spec: Mapping[str, yaml_writer.Value] = {
        "route": _route(routing.ours, {each.name for each in intervals}),
        "receivers": [{"name": name} for name in dict.fromkeys(routing.ours.receivers)],
        "inhibitRules": [_inhibition(each) for each in routing.inhibitions],
        "muteTimeIntervals": [_interval(each) for each in intervals],
    }
    metadata: Mapping[str, yaml_writer.Value] = {
        "name": NAME,
        "namespace": namespace,
        "labels": dict(sorted(labels.items())),
    }
    kind = {"apiVersion": "monitoring.coreos.com/v1alpha1", "kind": "AlertmanagerConfig"}
    yield from yaml_writer.render_nested_mapping({**kind, "metadata": metadata, "spec": spec})


def _route(route: Route, known: set[str]) -> Mapping[str, yaml_writer.Value]:
    pace = route.pace
    return {
        "matchers": _matchers(route.matchers),
        "receiver": route.receiver,
        "groupBy": route.group_by,
        "groupWait": pace.wait if pace else "",
        "groupInterval": pace.interval if pace else "",
        "repeatInterval": pace.repeat if pace else "",
        "activeTimeIntervals": [name for name in route.active if name in known],
        "muteTimeIntervals": [name for name in route.muted if name in known],
        "routes": [_route(each, known) for each in route.routes],
    }


def _inhibition(inhibition: Inhibition) -> Mapping[str, yaml_writer.Value]:
    return {
        "sourceMatch": _matchers(inhibition.source),
        "targetMatch": _matchers(inhibition.target),
        "equal": inhibition.equal,
    }


def _interval(interval: Interval) -> Mapping[str, yaml_writer.Value]:
    hours = interval.hours
    times = [] if interval.all_day else [{"startTime": hours.start, "endTime": hours.end}]
    return {
        "name": interval.name,
        "timeIntervals": [{"times": times, "weekdays": ranges(interval.days)}],
    }


def _matchers(matchers: Sequence[Matcher]) -> list[Mapping[str, yaml_writer.Value]]:
    return [{"name": m.label, "matchType": m.op, "value": m.value} for m in matchers]
