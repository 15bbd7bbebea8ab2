"""Routing as a value: matchers, routes, inhibitions and time intervals of Alertmanager."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import promql_parser as ast

from generator.alerting.hours import OfficeHours
from slos.schema import promql
from slos.schema.promql import quote_string

# Characters with a meaning in Go's regular expressions.
_REGEX_SPECIAL = frozenset("\\.+*?()|[]{}^$")


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; `op` is one of `=`, `!=`, `=~` and `!~`."""

    label: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.op}{quote_string(self.value)}"


def match_any(label: str, values: Iterable[str]) -> Matcher:
    """Match alerts whose label has one of these values."""
    return _build_matcher(label, values, operators=("=", "=~"))


def match_none(label: str, values: Iterable[str]) -> Matcher:
    """Match alerts whose label has none of these values."""
    return _build_matcher(label, values, operators=("!=", "!~"))


def match_present(label: str) -> Matcher:
    """Match alerts that have the label. A regular expression, since operators drop empty values."""
    return Matcher(label, "=~", ".+")


def list_selector_matchers(selector: str) -> tuple[Matcher, ...]:
    """List the matchers of a PromQL selector, without that of the metric's name."""
    node = promql.parse_query(selector)
    return tuple(
        Matcher(each.name, promql.format_operator(each), each.value)
        for each in (node.matchers.matchers if isinstance(node, ast.VectorSelector) else ())
        if each.name != "__name__"
    )


def _build_matcher(label: str, values: Iterable[str], *, operators: tuple[str, str]) -> Matcher:
    unique_values = sorted(set(values))
    if len(unique_values) == 1:
        return Matcher(label, operators[0], unique_values[0])
    return Matcher(label, operators[1], "|".join(map(_escape_regex, unique_values)))


def _escape_regex(value: str) -> str:
    return "".join(f"\\{char}" if char in _REGEX_SPECIAL else char for char in value)


@dataclass(frozen=True, slots=True)
class GroupTiming:
    """Timing of a route: `group_wait`, `group_interval` and `repeat_interval` of Alertmanager."""

    group_wait: str
    group_interval: str
    repeat_interval: str


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """A named time interval: the office hours on `days`, or the whole of these days."""

    name: str
    hours: OfficeHours
    days: tuple[str, ...]
    all_day: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A route of Alertmanager: the receiver of the alerts that match.

    Attributes:
        group_by: labels by which alerts are grouped into one notification.
        timing: None for the timing of the parent route.
        active_time_intervals: names of the time intervals outside of which it does not notify.
        mute_time_intervals: names of the time intervals in which it does not notify.
    """

    matchers: tuple[Matcher, ...]
    receiver: str
    group_by: tuple[str, ...]
    timing: GroupTiming | None = None
    active_time_intervals: tuple[str, ...] = ()
    mute_time_intervals: tuple[str, ...] = ()
    routes: tuple["Route", ...] = ()

    @property
    def receivers(self) -> Iterator[str]:
        """Receivers of this route and of all routes below it."""
        yield self.receiver
        for route in self.routes:
            yield from route.receivers


@dataclass(frozen=True, slots=True)
class Inhibition:
    """An inhibition rule of Alertmanager.

    While `source` fires, alerts of `target` with the same `equal` labels are not notified.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """The routing of a run.

    Attributes:
        own_route: the route of all alerts that are built here.
        other_routes: routes of other alerts about the same services.
        others_matcher: matcher of all other alerts. A route that acts on alerts needs it, so
            that no alert of this run reaches the route.
    """

    own_route: Route
    other_routes: tuple[Route, ...]
    inhibitions: tuple[Inhibition, ...]
    intervals: tuple[TimeInterval, ...]
    others_matcher: Matcher

    @property
    def receivers(self) -> tuple[str, ...]:
        """Names of all receivers, in the order of the tree, without duplicates."""
        routes = (self.own_route, *self.other_routes)
        return tuple(dict.fromkeys(name for route in routes for name in route.receivers))
