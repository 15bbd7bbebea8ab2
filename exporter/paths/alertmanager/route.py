"""The route of synthetic alerts in the running Alertmanager, compared with the settings. Pure.

Alertmanager tells which receivers get an alert and how it groups it (`/api/v2/alerts/groups`). The
timing is that of the routes in its configuration (`/api/v2/status`) which lead there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import yaml

from slos.schema.units import Duration

Document = Mapping[str, Any]
"""Object of Alertmanager's API or configuration."""

_ALL_LABELS = "..."
_DEFAULTS = {"receiver": "", "group_by": (), "group_wait": "30s", "group_interval": "5m"}
_NO_CLUSTER = "disabled"


@dataclass(frozen=True, slots=True)
class RouteTiming:
    """Timing of a route."""

    group_wait: Duration
    group_interval: Duration

    @classmethod
    def parse(cls, route: Document) -> Self:
        """Parse the timing of a route that has all settings."""
        return cls(Duration.parse(route["group_wait"]), Duration.parse(route["group_interval"]))

    def __str__(self) -> str:
        return f"group_wait {self.group_wait} and group_interval {self.group_interval}"


def find_difference(
    status: Document,
    groups: Sequence[Document],
    *,
    timing: RouteTiming,
    grouping_label: str,
    members: int,
) -> str | None:
    """Find the difference of Alertmanager from the settings; None without one, or if unknown.

    Args:
        status: answer of `/api/v2/status`.
        groups: answer of `/api/v2/alerts/groups` for one alert.
        timing: timing by the settings.
        grouping_label: label by which the alert is in a group of its own.
        members: number of members of the cluster by the settings.

    Raises:
        ValueError: this is no answer of Alertmanager.
    """
    try:
        return _find_member_difference(status["cluster"], members) or _find_route_difference(
            status, groups, timing, grouping_label
        )
    except (TypeError, KeyError, IndexError, AttributeError, yaml.YAMLError) as error:
        raise ValueError(f"not an answer of Alertmanager: {error!r}") from error


def _find_member_difference(cluster: Document, members: int) -> str | None:
    count = len(cluster.get("peers") or ())
    if cluster["status"] == _NO_CLUSTER or count == members:
        return None
    return f"the cluster has {count} members, the settings name {members}"


def _find_route_difference(
    status: Document, groups: Sequence[Document], timing: RouteTiming, grouping_label: str
) -> str | None:
    """Find how all routes of an alert differ from the settings."""
    routes = list(_iter_routes(_parse_config(status).get("route") or {}, _DEFAULTS))
    found = [
        (group["receiver"]["name"], timing_there, grouping_label in group["labels"])
        for group in groups
        for timing_there in _find_timings(routes, group)
    ]
    if not found or any(is_grouped and there == timing for _, there, is_grouped in found):
        return None
    receiver, there, is_grouped = found[0]
    if not is_grouped:
        return f"receiver {receiver} gets synthetic alerts without {grouping_label} in group_by"
    return f"receiver {receiver} gets synthetic alerts with {there}, the settings say {timing}"


def _parse_config(status: Document) -> Document:
    config = yaml.safe_load(status["config"]["original"])
    return config if isinstance(config, dict) else {}


def _iter_routes(route: Document, inherited: Document) -> Iterator[Document]:
    """Iterate over all routes, each with the settings that it inherits."""
    settings = {key: route.get(key) or value for key, value in inherited.items()}
    yield settings
    for child in route.get("routes") or ():
        yield from _iter_routes(child, settings)


def _find_timings(routes: Sequence[Document], group: Document) -> list[RouteTiming]:
    """Find the timings of all routes to the receiver of a group that group like this."""
    labels = group["alerts"][0]["labels"]
    return [
        RouteTiming.parse(route)
        for route in routes
        if route["receiver"] == group["receiver"]["name"]
        and _list_group_labels(route["group_by"], labels) == set(group["labels"])
    ]


def _list_group_labels(group_by: Sequence[str], labels: Mapping[str, str]) -> set[str]:
    return set(labels) if _ALL_LABELS in group_by else set(labels) & set(group_by)
