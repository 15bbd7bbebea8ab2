"""The tree of routes: who hears of what, and when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import promql_parser as ast

from generator import names
from generator.model import Severity
from generator.routing.hours import Hours
from generator.routing.model import Interval, Matcher, Pace, Route, one_of, present
from slos.schema import promql

PAGE, TICKET, INFO, WATCHDOG = "slo-page", "slo-ticket", "slo-info", "slo-watchdog"
OFFICE_HOURS, WEEKENDS = "slo-office-hours", "slo-weekends"
ALERT = "alertname"

# Repeats stay below the five days for which Alertmanager remembers what it sent.
_PAGE = Pace(wait="10s", interval="5m", repeat="4h")
_TICKET = Pace(wait="1m", interval="15m", repeat="1d")
_INFO = Pace(wait="5m", interval="1h", repeat="3d")
# Below the interval, or every other heartbeat would be left out.
_HEARTBEAT = Pace(wait="0s", interval="1m", repeat="50s")


@dataclass(frozen=True, slots=True)
class _Urgency:
    """Where alerts of one urgency go."""

    receiver: str
    pace: Pace
    active: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()


def intervals(hours: Hours | None) -> tuple[Interval, ...]:
    """The hours of tickets, and the days on which nobody reads what is merely of interest."""
    if hours is None:
        return ()
    office = Interval(OFFICE_HOURS, hours, hours.days)
    weekends = Interval(WEEKENDS, hours, hours.other_days, all_day=True)
    return (office, weekends) if hours.other_days else (office,)


def ours(
    matcher: Matcher, heartbeats: Sequence[str], grouped: Sequence[str], times: Sequence[Interval]
) -> Route:
    """All alerts that are built here; one whose urgency nobody knows is a ticket, at any hour.

    Args:
        matcher: which they are.
        heartbeats: the names of those that always fire.
        grouped: labels that are on all alerts of a run.
        times: when what is heard.
    """
    by_service = (*grouped, names.SERVICE)
    by_alert = (*by_service, ALERT)
    branches = tuple(
        replace(route, routes=(_of_slos(route, (*by_service, names.ID)),))
        for route in (_route(each, by_alert, urgency) for each, urgency in _urgencies(times))
    )
    pulse = Route((one_of(ALERT, heartbeats),), WATCHDOG, (*grouped, ALERT), _HEARTBEAT)
    routes = (*([pulse] if heartbeats else ()), *branches)
    return Route((matcher,), TICKET, by_alert, _TICKET, routes=routes)


def _of_slos(route: Route, group_by: tuple[str, ...]) -> Route:
    """All alerts of one SLO come together. Times are not handed down, unlike all else."""
    return replace(route, matchers=(present(names.ID),), group_by=group_by, pace=None)


def about(selector: str, grouped: Sequence[str], times: Sequence[Interval]) -> Route:
    """Alerts of others about the same service, by the labels they have."""
    by_alert = (*grouped, "namespace", ALERT)
    routes = [
        _route(each, by_alert, urgency)
        for each, urgency in _urgencies(times)
        if each.label == names.SEVERITY
    ]
    return Route(tuple(_matchers(selector)), TICKET, by_alert, _TICKET, routes=tuple(routes))


def _urgencies(times: Sequence[Interval]) -> Iterator[tuple[Matcher, _Urgency]]:
    """By the label of the cluster's rules first; Sloth's own says it where that one does not."""
    known = {interval.name for interval in times}
    page = _Urgency(PAGE, _PAGE)
    ticket = _Urgency(TICKET, _TICKET, active=tuple(known & {OFFICE_HOURS}))
    info = _Urgency(INFO, _INFO, muted=tuple(known & {WEEKENDS}))
    for value, urgency in (("critical", page), ("warning", ticket), ("info", info)):
        yield one_of(names.SEVERITY, [value]), urgency
    for severity, urgency in ((Severity.PAGE, page), (Severity.TICKET, ticket)):
        yield one_of(names.SLOTH_SEVERITY, [severity]), urgency


def _route(matcher: Matcher, group_by: tuple[str, ...], urgency: _Urgency) -> Route:
    return Route(
        (matcher,), urgency.receiver, group_by, urgency.pace, urgency.active, urgency.muted
    )


def _matchers(selector: str) -> Iterator[Matcher]:
    node = promql.parse(f"up{{{selector}}}")
    if isinstance(node, ast.VectorSelector):
        for matcher in node.matchers.matchers:
            yield Matcher(matcher.name, promql.operator(matcher), matcher.value)
