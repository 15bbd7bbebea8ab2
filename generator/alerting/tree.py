"""The routing tree and its inhibitions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from generator import names
from generator.alerting.graph import SEVERITIES_BELOW_PAGE, SpecWithSLOs, find_causes, list_alerts
from generator.alerting.hours import OfficeHours
from generator.alerting.model import (
    GroupTiming,
    Inhibition,
    Matcher,
    Route,
    Routing,
    TimeInterval,
    list_selector_matchers,
    match_any,
    match_none,
    match_present,
)
from generator.model import SLO, AlertingRule, AlertSeverity, Plan, RecordingRule, Rule, SpecPlan
from slos.schema.query_analysis import Grouping, find_grouping

PAGE_RECEIVER, TICKET_RECEIVER, INFO_RECEIVER, WATCHDOG_RECEIVER = (
    "slo-page",
    "slo-ticket",
    "slo-info",
    "slo-watchdog",
)
# A receiver without integrations, as kube-prometheus-stack has it.
NULL_RECEIVER = "null"
OFFICE_HOURS_INTERVAL, WEEKENDS_INTERVAL = "slo-office-hours", "slo-weekends"
ALERTNAME = "alertname"

# An alert of kube-prometheus-stack that fires beside every informational alert, to mute it. It has
# the labels of that alert, and is not for people.
INFO_INHIBITOR = "InfoInhibitor"

# Alertmanager remembers notifications for five days; every repeat interval is shorter.
_PAGE_TIMING = GroupTiming(group_wait="10s", group_interval="5m", repeat_interval="4h")
# A ticket waits until the page of its cause fires, which takes up to eight minutes in an outage.
_TICKET_TIMING = GroupTiming(group_wait="10m", group_interval="15m", repeat_interval="1d")
_INFO_TIMING = GroupTiming(group_wait="5m", group_interval="1h", repeat_interval="3d")
# The repeat interval is below the group interval, or every other heartbeat would be skipped.
_HEARTBEAT_TIMING = GroupTiming(group_wait="0s", group_interval="1m", repeat_interval="50s")

_ERROR_RATIO_PREFIX = "slo:sli_error:ratio_rate"

Groupings = Mapping[str, Grouping | None]
"""Grouping of each SLO by its id; None if its query does not tell the labels."""

# An alert with the severity of a page whose labels lower it inhibits nothing.
_NOT_BELOW_PAGE = match_none(names.SEVERITY, SEVERITIES_BELOW_PAGE)

# An external label of Prometheus (`external_labels`). An Alertmanager for several clusters tells
# them apart by it.
_CLUSTER_LABEL = "cluster"


@dataclass(frozen=True, slots=True)
class _Urgency:
    """Receiver and timing of the alerts of one urgency."""

    receiver: str
    timing: GroupTiming
    active_time_intervals: tuple[str, ...] = ()
    mute_time_intervals: tuple[str, ...] = ()


def build_intervals(hours: OfficeHours | None) -> tuple[TimeInterval, ...]:
    """Build the time intervals of tickets and of informational alerts."""
    if hours is None:
        return ()
    office = TimeInterval(OFFICE_HOURS_INTERVAL, hours, hours.days)
    weekends = TimeInterval(WEEKENDS_INTERVAL, hours, hours.other_days, all_day=True)
    return (office, weekends) if hours.other_days else (office,)


@dataclass(frozen=True, slots=True)
class SpecialAlerts:
    """Names of the alerts that the routing tree does not treat by severity alone.

    Attributes:
        heartbeats: alerts that always fire.
        at_any_hour: tickets that are not held until office hours.
        of_several_slos: alerts with a series for each SLO, grouped by their name.
    """

    heartbeats: Sequence[str] = ()
    at_any_hour: Sequence[str] = ()
    of_several_slos: Sequence[str] = ()


def build_own_route(
    matcher: Matcher,
    special: SpecialAlerts,
    common_labels: Sequence[str],
    intervals: Sequence[TimeInterval],
) -> Route:
    """Build the route of all alerts of this run; one of unknown urgency is a ticket at any hour.

    Args:
        matcher: matches all alerts of this run.
        special: alerts with routes of their own.
        common_labels: labels that all alerts of a run have.
        intervals: the time intervals that exist.
    """
    by_service = (*common_labels, names.SERVICE)
    by_alert = (*by_service, ALERTNAME)
    routes = [_build_route(each, by_alert, urgency) for each, urgency in _list_urgencies(intervals)]
    if special.at_any_hour and intervals:
        matchers = (
            match_any(names.SEVERITY, ["warning"]),
            match_any(ALERTNAME, special.at_any_hour),
        )
        routes.insert(0, Route(matchers, TICKET_RECEIVER, by_alert, _TICKET_TIMING))
    urgency_routes = tuple(
        replace(
            route,
            routes=(
                *_group_by_name(route, special.of_several_slos),
                _group_by_slo(route, (*by_service, names.ID)),
            ),
        )
        for route in routes
    )
    heartbeat_route = Route(
        (match_any(ALERTNAME, special.heartbeats),),
        WATCHDOG_RECEIVER,
        (*common_labels, ALERTNAME),
        _HEARTBEAT_TIMING,
    )
    inhibitor_route = Route((match_any(ALERTNAME, [INFO_INHIBITOR]),), NULL_RECEIVER, by_alert)
    first_routes = (inhibitor_route, *([heartbeat_route] if special.heartbeats else ()))
    return Route(
        (matcher,),
        TICKET_RECEIVER,
        by_alert,
        _TICKET_TIMING,
        routes=(*first_routes, *urgency_routes),
    )


def _group_by_name(route: Route, alerts: Sequence[str]) -> Iterator[Route]:
    """Keep alerts grouped by name although their series have the label of an SLO."""
    if alerts:
        yield replace(route, matchers=(match_any(ALERTNAME, alerts),), timing=None)


def _group_by_slo(route: Route, group_by: tuple[str, ...]) -> Route:
    """Group all alerts of one SLO. A child route inherits everything but time intervals."""
    return replace(route, matchers=(match_present(names.ID),), group_by=group_by, timing=None)


def build_other_route(
    selector: str, common_labels: Sequence[str], intervals: Sequence[TimeInterval]
) -> Route:
    """Build the route of other alerts about the same service, by the labels they have."""
    by_alert = (*common_labels, "namespace", ALERTNAME)
    routes = [
        _build_route(each, by_alert, urgency)
        for each, urgency in _list_urgencies(intervals)
        if each.label == names.SEVERITY
    ]
    return Route(
        list_selector_matchers(f"up{{{selector}}}"),
        TICKET_RECEIVER,
        by_alert,
        _TICKET_TIMING,
        routes=tuple(routes),
    )


def _list_urgencies(intervals: Sequence[TimeInterval]) -> Iterator[tuple[Matcher, _Urgency]]:
    """Yield matchers and urgencies: first by the cluster's severity label, then by Sloth's."""
    interval_names = {interval.name for interval in intervals}
    page = _Urgency(PAGE_RECEIVER, _PAGE_TIMING)
    ticket = _Urgency(
        TICKET_RECEIVER,
        _TICKET_TIMING,
        active_time_intervals=tuple(interval_names & {OFFICE_HOURS_INTERVAL}),
    )
    info = _Urgency(
        INFO_RECEIVER, _INFO_TIMING, mute_time_intervals=tuple(interval_names & {WEEKENDS_INTERVAL})
    )
    for value, urgency in (("critical", page), ("warning", ticket), ("info", info)):
        yield match_any(names.SEVERITY, [value]), urgency
    for severity, urgency in ((AlertSeverity.PAGE, page), (AlertSeverity.TICKET, ticket)):
        yield match_any(names.SLOTH_SEVERITY, [severity]), urgency


def _build_route(matcher: Matcher, group_by: tuple[str, ...], urgency: _Urgency) -> Route:
    return Route(
        (matcher,),
        urgency.receiver,
        group_by,
        urgency.timing,
        urgency.active_time_intervals,
        urgency.mute_time_intervals,
    )


def collect_groupings(plans: Sequence[Plan]) -> Groupings:
    """Collect the groupings of all SLOs of a run."""
    grouping_by_slo: dict[str, Grouping | None] = {}
    for plan in plans:
        for spec_plan in plan.spec_plans:
            for slo, query in _list_ratios(spec_plan):
                if slo not in grouping_by_slo:
                    grouping_by_slo[slo] = find_grouping(query)
    return grouping_by_slo


def _list_ratios(spec_plan: SpecPlan) -> Iterator[tuple[str, str]]:
    """List SLO ids, each with a query whose labels split the SLO.

    The sloth profile has rules and no SLOs. There the labels of the recorded ratio split the SLO.
    """
    yield from ((slo.id, slo.signal.total) for slo in spec_plan.slos)
    for group in () if spec_plan.slos else spec_plan.groups:
        for rule in group.rules:
            if isinstance(rule, RecordingRule) and rule.record.startswith(_ERROR_RATIO_PREFIX):
                yield rule.labels.get(names.ID, ""), rule.expr


def build_page_inhibitions(
    slos: Sequence[SLO], own_matcher: Matcher, groupings: Groupings, common_labels: Sequence[str]
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
    known = {slo: each for slo, each in groupings.items() if each and not each.without}
    unknown = [slo for slo in groupings if slo not in known]
    split = sorted({label for each in known.values() for label in each.labels})
    equal = tuple(dict.fromkeys((*names.IDENTITY, *common_labels, *split)))
    matchers = (own_matcher, *((match_none(names.ID, unknown),) if unknown else ()))
    page = (*matchers, match_any(names.SLOTH_SEVERITY, [AlertSeverity.PAGE]), _NOT_BELOW_PAGE)
    if known:
        yield Inhibition(
            page, (*matchers, match_any(names.SLOTH_SEVERITY, [AlertSeverity.TICKET])), equal
        )
    limits = [
        alert.meta.name
        for slo in slos
        for alert in slo.threshold_alerts
        if slo.id in known and alert.meta.labels.get(names.SEVERITY) in SEVERITIES_BELOW_PAGE
    ]
    if limits:
        yield Inhibition(page, (*matchers, match_any(ALERTNAME, limits)), equal)


def build_cause_inhibitions(
    specs: Sequence[SpecWithSLOs], common_labels: Sequence[str]
) -> Iterator[Inhibition]:
    """Build the inhibitions that specs declare, by the names of alerts.

    Alertmanager does not see queries, and a label for this would be in the history of every
    alert. So the matchers use names.
    """
    for each in find_causes(specs):
        if each.symptoms:
            where = each.cause.inhibits.where if each.cause.inhibits else ""
            source = (
                match_any(ALERTNAME, [each.cause.name]),
                *list_selector_matchers(f"up{{{where}}}"),
            )
            target = (match_any(ALERTNAME, each.names),)
            yield Inhibition(source, target, tuple(common_labels))


def build_routing(plans: Sequence[Plan], hours: OfficeHours | None) -> Routing | None:
    """Build the routing of all alerts of these plans; None if they have no alert."""
    if not any(isinstance(rule, AlertingRule) for rule in _list_rules(plans)):
        return None
    specs: list[SpecWithSLOs] = [
        (spec_plan.spec, spec_plan.slos) for plan in plans for spec_plan in plan.spec_plans
    ]
    slos = [slo for _, each in specs for slo in each]
    run_labels = {name for slo in slos for name in slo.run_labels} - set(names.RESERVED)
    common_labels = tuple(dict.fromkeys((_CLUSTER_LABEL, *sorted(run_labels))))
    services = set(_list_services(plans, specs))
    own_matcher = match_any(names.SERVICE, services) if services else match_present(names.SERVICE)
    intervals = build_intervals(hours)
    page_inhibitions = build_page_inhibitions(
        slos, own_matcher, collect_groupings(plans), common_labels
    )
    return Routing(
        own_route=build_own_route(
            own_matcher, _find_special_alerts(specs), common_labels, intervals
        ),
        other_routes=tuple(
            build_other_route(each, common_labels, intervals)
            for each in _list_other_selectors(specs)
        ),
        inhibitions=(*page_inhibitions, *build_cause_inhibitions(specs, common_labels)),
        intervals=intervals,
        others_matcher=_match_others(services),
    )


def _find_special_alerts(specs: Sequence[SpecWithSLOs]) -> SpecialAlerts:
    alerts = list_alerts(specs)
    no_data_alerts = (spec.no_data_alert for spec, _ in specs if spec)
    return SpecialAlerts(
        heartbeats=[alert.name for alert in alerts if alert.heartbeat],
        at_any_hour=sorted({alert.name for alert in alerts if not alert.office_hours}),
        of_several_slos=[each.name for each in no_data_alerts if each],
    )


def _list_rules(plans: Sequence[Plan]) -> Iterator[Rule]:
    for plan in plans:
        for group in plan.groups:
            yield from group.rules


def _list_services(plans: Sequence[Plan], specs: Sequence[SpecWithSLOs]) -> Iterator[str]:
    """List every value of the service label, of series and of alerts."""
    yield from (slo.service for _, slos in specs for slo in slos)
    for rule in _list_rules(plans):
        if names.SERVICE in rule.labels:
            yield rule.labels[names.SERVICE]


def _list_other_selectors(specs: Sequence[SpecWithSLOs]) -> list[str]:
    """List the selectors of alerts that are not built here, without duplicates."""
    return sorted({selector for spec, _ in specs if spec for selector in spec.also_about})


def _match_others(services: set[str]) -> Matcher:
    return match_none(names.SERVICE, services) if services else Matcher(names.SERVICE, "=", "")
