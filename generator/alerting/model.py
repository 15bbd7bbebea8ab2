"""Routing as a value: matchers, routes, inhibitions and time intervals of Alertmanager."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.alerting.hours import Hours
from slos.schema.promql import quoted

# Characters with a meaning in Go's regular expressions.
_SPECIAL = frozenset("\\.+*?()|[]{}^$")


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; `op` is one of `=`, `!=`, `=~` and `!~`."""

    label: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.op}{quoted(self.value)}"


def one_of(label: str, values: Iterable[str]) -> Matcher:
    """Match alerts whose label has one of these values."""
    return _matching(label, values, ops=("=", "=~"))


def none_of(label: str, values: Iterable[str]) -> Matcher:
    """Match alerts whose label has none of these values."""
    return _matching(label, values, ops=("!=", "!~"))


def present(label: str) -> Matcher:
    """Match alerts that have the label. A regular expression, since operators drop empty values."""
    return Matcher(label, "=~", ".+")


def _matching(label: str, values: Iterable[str], *, ops: tuple[str, str]) -> Matcher:
    each = sorted(set(values))
    if len(each) == 1:
        return Matcher(label, ops[0], each[0])
    return Matcher(label, ops[1], "|".join(map(_literally, each)))


def _literally(value: str) -> str:
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in value)


@dataclass(frozen=True, slots=True)
class Pace:
    """Timing of a route: `group_wait`, `group_interval` and `repeat_interval` of Alertmanager."""

    wait: str
    interval: str
    repeat: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A named time interval: the office hours on `days`, or the whole of these days."""

    name: str
    hours: Hours
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
    pace: Pace | None = None
    active: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
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

    ours: Route
    about: tuple[Route, ...]
    inhibitions: tuple[Inhibition, ...]
    intervals: tuple[Interval, ...]
    not_ours: Matcher

    @property
    def receivers(self) -> tuple[str, ...]:
        """Names of all receivers, in the order of the tree, without duplicates."""
        routes = (self.ours, *self.about)
        return tuple(dict.fromkeys(name for route in routes for name in route.receivers))
