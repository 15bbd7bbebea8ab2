"""The routing tree and its inhibitions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import promql_parser as ast

from generator import names
from generator.alerting.graph import LESS, Watched, alerts, explained
from generator.alerting.hours import Hours
from generator.alerting.model import (
    Inhibition,
    Interval,
    Matcher,
    Pace,
    Route,
    Routing,
    none_of,
    one_of,
    present,
)
from generator.model import SLO, AlertingRule, Part, Plan, RecordingRule, Rule, Severity
from slos.schema import promql
from slos.schema.query_analysis import Grouping, grouping_of

PAGE, TICKET, INFO, WATCHDOG = "slo-page", "slo-ticket", "slo-info", "slo-watchdog"
OFFICE_HOURS, WEEKENDS = "slo-office-hours", "slo-weekends"
ALERT = "alertname"

# Alertmanager remembers notifications for five days; every repeat interval is shorter.
_PAGE = Pace(wait="10s", interval="5m", repeat="4h")
_TICKET = Pace(wait="1m", interval="15m", repeat="1d")
_INFO = Pace(wait="5m", interval="1h", repeat="3d")
# The repeat interval is below the group interval, or every other heartbeat would be skipped.
_HEARTBEAT = Pace(wait="0s", interval="1m", repeat="50s")

_RATIO = "slo:sli_error:ratio_rate"

Groupings = Mapping[str, Grouping | None]
"""Grouping of each SLO by its id; None if its query does not tell the labels."""

# An alert with the severity of a page whose labels lower it inhibits nothing.
_STILL_A_PAGE = none_of(names.SEVERITY, LESS)

# An external label of Prometheus (`external_labels`). An Alertmanager for several clusters tells
# them apart by it.
_OF_PROMETHEUS = "cluster"


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


def groupings(plans: Sequence[Plan]) -> Groupings:
    """Collect the groupings of all SLOs of a run."""
    found: dict[str, Grouping | None] = {}
    for plan in plans:
        for part in plan.parts:
            for slo, query in _ratios(part):
                if slo not in found:
                    found[slo] = grouping_of(query)
    return found


def _ratios(part: Part) -> Iterator[tuple[str, str]]:
    """List SLO ids, each with a query whose labels split the SLO.

    The sloth profile has rules and no SLOs. There the labels of the recorded ratio split the SLO.
    """
    yield from ((slo.id, slo.signal.total) for slo in part.slos)
    for group in () if part.slos else part.groups:
        for rule in group.rules:
            if isinstance(rule, RecordingRule) and rule.record.startswith(_RATIO):
                yield rule.labels.get(names.ID, ""), rule.expr


def of_pages(
    slos: Sequence[SLO], ours: Matcher, groupings: Groupings, of_all: Sequence[str]
) -> Iterator[Inhibition]:
    """Build the inhibitions by pages: of tickets and threshold alerts of the same SLO.

    Where the labels that split a budget are not known, a page of one part would inhibit the
    ticket of another part. Such an SLO keeps both. Alerts on missing data are not inhibited.

    Args:
        slos: the resolved SLOs.
        own_matcher: matches all alerts of this run.
        groupings: labels by which each SLO is split.
        common_labels: labels that all alerts of a run have.
    """
    told = {slo: each for slo, each in groupings.items() if each and not each.without}
    untold = [slo for slo in groupings if slo not in told]
    split = sorted({label for each in told.values() for label in each.labels})
    equal = tuple(dict.fromkeys((*names.IDENTITY, *of_all, *split)))
    both = (ours, *((none_of(names.ID, untold),) if untold else ()))
    page = (*both, one_of(names.SLOTH_SEVERITY, [Severity.PAGE]), _STILL_A_PAGE)
    if told:
        yield Inhibition(page, (*both, one_of(names.SLOTH_SEVERITY, [Severity.TICKET])), equal)
    limits = [
        alert.firing.name
        for slo in slos
        for alert in slo.threshold_alerts
        if slo.id in told and alert.firing.labels.get(names.SEVERITY) in LESS
    ]
    if limits:
        yield Inhibition(page, (*both, one_of(ALERT, limits)), equal)


def of_causes(watched: Sequence[Watched], of_all: Sequence[str]) -> Iterator[Inhibition]:
    """Build the inhibitions that specs declare, by the names of alerts.

    Alertmanager does not see queries, and a label for this would be in the history of every
    alert. So the matchers use names.
    """
    for each in explained(watched):
        if each.symptoms:
            source, target = one_of(ALERT, [each.cause.name]), one_of(ALERT, each.names)
            yield Inhibition((source,), (target,), tuple(of_all))


def routing(plans: Sequence[Plan], hours: Hours | None) -> Routing | None:
    """Build the routing of all alerts of these plans; None if they have no alert."""
    if not any(isinstance(rule, AlertingRule) for rule in _rules(plans)):
        return None
    watched: list[Watched] = [(part.spec, part.slos) for plan in plans for part in plan.parts]
    slos = [slo for _, each in watched for slo in each]
    of_run = {name for slo in slos for name in slo.run_labels} - set(names.RESERVED)
    of_all = tuple(dict.fromkeys((_OF_PROMETHEUS, *sorted(of_run))))
    services = set(_services(plans, watched))
    ours = one_of(names.SERVICE, services) if services else present(names.SERVICE)
    heartbeats = [alert.name for alert in alerts(watched) if alert.heartbeat]
    times = intervals(hours)
    pages = of_pages(slos, ours, groupings(plans), of_all)
    return Routing(
        ours=build_own_route(ours, heartbeats, of_all, times),
        about=tuple(about(each, of_all, times) for each in _about(watched)),
        inhibitions=(*pages, *of_causes(watched, of_all)),
        intervals=times,
        not_ours=_not_ours(services),
    )


def _rules(plans: Sequence[Plan]) -> Iterator[Rule]:
    for plan in plans:
        for group in plan.groups:
            yield from group.rules


def _services(plans: Sequence[Plan], watched: Sequence[Watched]) -> Iterator[str]:
    """List every value of the service label, of series and of alerts."""
    yield from (slo.service for _, slos in watched for slo in slos)
    for rule in _rules(plans):
        if names.SERVICE in rule.labels:
            yield rule.labels[names.SERVICE]


def _about(watched: Sequence[Watched]) -> list[str]:
    """List the selectors of alerts that are not built here, without duplicates."""
    return sorted({selector for spec, _ in watched if spec for selector in spec.also_about})


def _not_ours(services: set[str]) -> Matcher:
    return none_of(names.SERVICE, services) if services else Matcher(names.SERVICE, "=", "")
