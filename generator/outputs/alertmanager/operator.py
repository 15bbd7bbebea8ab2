"""Routing as an AlertmanagerConfig object of the Prometheus Operator."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.alerting.hours import UTC, format_day_ranges
from generator.alerting.model import Inhibition, Matcher, Route, Routing, TimeInterval
from generator.outputs import ReceiverName
from generator.outputs.alertmanager.receivers import IN_OBJECT, map_receivers
from generator.text import yaml_writer

OBJECT_NAME = "slo-routing"


def render_alertmanager_config(
    routing: Routing,
    namespace: str,
    labels: Mapping[str, str],
    receivers: Mapping[ReceiverName, Mapping[str, Any]],
) -> Iterator[str]:
    """Render an AlertmanagerConfig.

    The object has one route, so routes of other alerts are left out. It has no time zones, so
    intervals in another zone than UTC are left out and tickets are notified at any hour.
    """
    yield "# The operator puts this route before yours, and lets what it takes go on. Of yours,"
    yield "# each that acts on alerts, such as prometheus-events, needs the matcher"
    yield f"#   {routing.others_matcher}"
    yield "# docs/alertmanager.md says why, and what alertmanagerConfigMatcherStrategy has to be."
    intervals = [each for each in routing.intervals if each.hours.zone == UTC]
    spec: Mapping[str, yaml_writer.YamlValue] = {
        "route": _map_route(routing.own_route, {each.name for each in intervals}),
        "receivers": map_receivers(
            dict.fromkeys(routing.own_route.receivers), receivers, IN_OBJECT
        ),
        "inhibitRules": [_map_inhibition(each) for each in routing.inhibitions],
        "muteTimeIntervals": [_map_interval(each) for each in intervals],
    }
    metadata: Mapping[str, yaml_writer.YamlValue] = {
        "name": OBJECT_NAME,
        "namespace": namespace,
        "labels": dict(sorted(labels.items())),
    }
    kind = {"apiVersion": "monitoring.coreos.com/v1alpha1", "kind": "AlertmanagerConfig"}
    yield from yaml_writer.render_mapping({**kind, "metadata": metadata, "spec": spec})


def _map_route(route: Route, interval_names: set[str]) -> Mapping[str, yaml_writer.YamlValue]:
    timing = route.timing
    return {
        "matchers": _map_matchers(route.matchers),
        "receiver": route.receiver,
        "groupBy": route.group_by,
        "groupWait": timing.group_wait if timing else "",
        "groupInterval": timing.group_interval if timing else "",
        "repeatInterval": timing.repeat_interval if timing else "",
        "activeTimeIntervals": [
            name for name in route.active_time_intervals if name in interval_names
        ],
        "muteTimeIntervals": [name for name in route.mute_time_intervals if name in interval_names],
        "routes": [_map_route(each, interval_names) for each in route.routes],
    }


def _map_inhibition(inhibition: Inhibition) -> Mapping[str, yaml_writer.YamlValue]:
    return {
        "sourceMatch": _map_matchers(inhibition.source),
        "targetMatch": _map_matchers(inhibition.target),
        "equal": inhibition.equal,
    }


def _map_interval(interval: TimeInterval) -> Mapping[str, yaml_writer.YamlValue]:
    hours = interval.hours
    times = [] if interval.all_day else [{"startTime": hours.start, "endTime": hours.end}]
    return {
        "name": interval.name,
        "timeIntervals": [{"times": times, "weekdays": format_day_ranges(interval.days)}],
    }


def _map_matchers(matchers: Sequence[Matcher]) -> list[yaml_writer.YamlValue]:
    return [
        {"name": m.label, "matchType": m.op, "value": yaml_writer.SingleQuoted(m.value)}
        for m in matchers
    ]
