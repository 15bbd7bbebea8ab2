"""Routing tree: the receiver of each alert, and the time at which it is notified."""

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

# Alertmanager remembers notifications for five days; every repeat interval is shorter.
_PAGE = Pace(wait="10s", interval="5m", repeat="4h")
_TICKET = Pace(wait="1m", interval="15m", repeat="1d")
_INFO = Pace(wait="5m", interval="1h", repeat="3d")
# The repeat interval is below the group interval, or every other heartbeat would be skipped.
_HEARTBEAT = Pace(wait="0s", interval="1m", repeat="50s")


@dataclass(frozen=True, slots=True)
class _Urgency:
    """Receiver and timing of the alerts of one urgency."""

    receiver: str
    pace: Pace
    active: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()


def intervals(hours: Hours | None) -> tuple[Interval, ...]:
    """Build the time intervals of tickets and of informational alerts."""
    if hours is None:
        return ()
    office = Interval(OFFICE_HOURS, hours, hours.days)
    weekends = Interval(WEEKENDS, hours, hours.other_days, all_day=True)
    return (office, weekends) if hours.other_days else (office,)


def build_own_route(
    matcher: Matcher, heartbeats: Sequence[str], grouped: Sequence[str], times: Sequence[Interval]
) -> Route:
    """Build the route of all alerts of this run; one of unknown urgency is a ticket at any hour.

    Args:
        matcher: matches all alerts of this run.
        heartbeats: names of the alerts that always fire.
        common_labels: labels that all alerts of a run have.
        intervals: the time intervals that exist.
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
    """Group all alerts of one SLO. A child route inherits everything but time intervals."""
    return replace(route, matchers=(present(names.ID),), group_by=group_by, pace=None)


def about(selector: str, grouped: Sequence[str], times: Sequence[Interval]) -> Route:
    """Build the route of other alerts about the same service, by the labels they have."""
    by_alert = (*grouped, "namespace", ALERT)
    routes = [
        _route(each, by_alert, urgency)
        for each, urgency in _urgencies(times)
        if each.label == names.SEVERITY
    ]
    return Route(tuple(_matchers(selector)), TICKET, by_alert, _TICKET, routes=tuple(routes))


def _urgencies(times: Sequence[Interval]) -> Iterator[tuple[Matcher, _Urgency]]:
    """Yield matchers and urgencies: first by the cluster's severity label, then by Sloth's."""
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
