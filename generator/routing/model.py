"""What Alertmanager can be told, whichever way it is written down."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.routing.hours import Hours
from slos.schema.promql import quoted

# What means something in Go's regular expressions; names of alerts are mostly without.
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
    """The label has one of these values."""
    return _matching(label, values, ops=("=", "=~"))


def none_of(label: str, values: Iterable[str]) -> Matcher:
    """The label has none of these values."""
    return _matching(label, values, ops=("!=", "!~"))


def present(label: str) -> Matcher:
    """The label is there; an expression, since operators drop empty values."""
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
    """How long a group gathers, when it may speak again, and when it repeats itself."""

    wait: str
    interval: str
    repeat: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A time interval under its name; `days` that it lies on, and whether only in the hours."""

    name: str
    hours: Hours
    days: tuple[str, ...]
    all_day: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Where alerts go that match.

    Attributes:
        group_by: what is notified together.
        pace: None for that of the route above.
        active: the names of intervals outside of which it is silent.
        muted: the names of intervals in which it is silent.
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
        """All that are named here or below."""
        yield self.receiver
        for route in self.routes:
            yield from route.receivers


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While `source` fires, alerts of `target` with the same `equal` labels are not notified."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """All of it.

    Attributes:
        ours: the route of all alerts that are built here.
        about: routes of others' alerts about the same services.
        not_ours: what a route that acts on alerts must ask for, so that none of ours reaches it.
    """

    ours: Route
    about: tuple[Route, ...]
    inhibitions: tuple[Inhibition, ...]
    intervals: tuple[Interval, ...]
    not_ours: Matcher

    @property
    def receivers(self) -> tuple[str, ...]:
        """Every receiver that is named, in the order of the tree."""
        routes = (self.ours, *self.about)
        return tuple(dict.fromkeys(name for route in routes for name in route.receivers))
