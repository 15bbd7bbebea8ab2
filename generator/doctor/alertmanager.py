"""Checks of a running Alertmanager: who is notified by each built alert, and what mutes it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from generator import names
from generator.alerting.live_intervals import LOOKAHEAD, find_notifying_time
from generator.alerting.model import Matcher
from generator.alerting.route_matching import (
    Labels,
    MatchedRoute,
    Receiver,
    list_inhibitions,
    list_receivers,
    match_labels,
    match_routes,
)
from generator.alerting.tree import ALERTNAME, INFO_INHIBITOR
from generator.clients.server_state import AlertmanagerState, LiveRule, PrometheusState
from generator.doctor import CheckResult, CheckStatus, list_names
from generator.model import AlertingRule, RecordingRule, RuleGroup
from slos.schema.golang import Re2Pattern
from slos.schema.units import Duration, format_count

_PAGE_SEVERITY, _INFO_SEVERITY, _NO_SEVERITY = "critical", "info", "none"
_WEBHOOK = "webhook"
_SLOW_HEARTBEAT = Duration.from_parts(minutes=15)
_FOREIGN_ALERT = "AlertOfOtherRules"


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """Settings about receivers, as patterns of their names and webhook URLs.

    Attributes:
        on_call: webhook receivers that notify people.
        remediation: receivers that act on alerts; no built alert may reach one.
    """

    on_call: tuple[Re2Pattern, ...] = ()
    remediation: tuple[Re2Pattern, ...] = ()

    def is_remediation(self, receiver: Receiver) -> bool:
        """Tell whether a receiver acts on alerts."""
        return _matches_any(self.remediation, receiver)

    def is_on_call(self, receiver: Receiver) -> bool:
        """Tell whether a receiver notifies people: by any integration other than webhooks."""
        others = [kind for kind in receiver.integrations if kind != _WEBHOOK]
        return bool(others) or _matches_any(self.on_call, receiver)


def _matches_any(patterns: Sequence[Re2Pattern], receiver: Receiver) -> bool:
    texts = (receiver.name, *receiver.urls)
    return any(pattern.matches(text) for pattern in patterns for text in texts)


@dataclass(frozen=True, slots=True)
class RoutedAlert:
    """Built alert, its labels as far as they are fixed, and its routes."""

    name: str
    labels: Labels
    routes: Sequence[MatchedRoute]


def check_alertmanager(
    groups: Sequence[RuleGroup],
    heartbeats: Sequence[str],
    prometheus: PrometheusState | None,
    state: AlertmanagerState,
    settings: ReceiverSettings,
) -> Iterator[CheckResult]:
    """Check the routes, inhibitions, silences and heartbeats of an Alertmanager.

    Args:
        groups: the built rule groups.
        heartbeats: names of the alerts that always fire.
        prometheus: state of the Prometheus that sends the alerts; without one, heartbeats are not
            checked.
        state: state of the Alertmanager.
        settings: what is known about its receivers.
    """
    external_labels = prometheus.external_labels if prometheus else {}
    loaded = prometheus.groups if prometheus else {}
    alerts = list(_route_alerts(groups, loaded, external_labels, state))
    receivers = list_receivers(state.config)
    others = [alert for alert in alerts if alert.name not in heartbeats]
    inhibitors = _route_inhibitors(alerts, state)
    yield check_remediation_receivers([*alerts, *inhibitors], receivers, settings)
    yield check_on_call_receivers(others, receivers, settings)
    yield check_delivery_times(alerts, state)
    yield check_inhibitions(alerts, heartbeats, external_labels, state)
    yield check_silences(alerts, state)
    if prometheus:
        for name in heartbeats:
            yield check_heartbeat(name, alerts, receivers, prometheus, state)


def _route_alerts(
    groups: Sequence[RuleGroup],
    loaded_groups: Mapping[str, Sequence[LiveRule]],
    external_labels: Labels,
    state: AlertmanagerState,
) -> Iterator[RoutedAlert]:
    """Route every built alert, by the labels of its loaded rule where there is one.

    An alert of an SLO also has the labels that all series of the SLO have.
    """
    series_labels = _read_series_labels(groups)
    loaded = {rule.name: rule.labels for rules in loaded_groups.values() for rule in rules}
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, AlertingRule):
                own = {
                    **external_labels,
                    **series_labels.get(group.slo, {}),
                    **loaded.get(rule.alert, rule.labels),
                }
                fixed = {key: value for key, value in own.items() if "{{" not in value}
                labels = {**fixed, ALERTNAME: rule.alert}
                yield RoutedAlert(rule.alert, labels, match_routes(state.config, labels))


def _route_inhibitors(
    alerts: Sequence[RoutedAlert], state: AlertmanagerState
) -> Iterator[RoutedAlert]:
    """Route the alerts that kube-prometheus-stack fires beside informational ones."""
    for alert in alerts:
        if alert.labels.get(names.SEVERITY) == _INFO_SEVERITY:
            labels = {**alert.labels, ALERTNAME: INFO_INHIBITOR, names.SEVERITY: _NO_SEVERITY}
            yield RoutedAlert(INFO_INHIBITOR, labels, match_routes(state.config, labels))


def _read_series_labels(groups: Sequence[RuleGroup]) -> dict[str, dict[str, str]]:
    """Read the labels that all recorded series of an SLO share, by the id of the SLO."""
    shared: dict[str, dict[str, str]] = {}
    for group in groups:
        for rule in group.rules if group.slo else ():
            if isinstance(rule, RecordingRule):
                items = shared.setdefault(group.slo, dict(rule.labels)).items()
                shared[group.slo] = dict(items & rule.labels.items())
    return shared


def check_remediation_receivers(
    alerts: Sequence[RoutedAlert],
    receivers: Mapping[str, Receiver],
    settings: ReceiverSettings,
) -> CheckResult:
    """Check that no alert reaches a receiver that acts on alerts, such as agent-sre itself."""
    reached: dict[str, MatchedRoute] = {}
    for alert in alerts:
        for route in alert.routes:
            receiver = receivers.get(route.receiver)
            if receiver and settings.is_remediation(receiver):
                reached.setdefault(alert.name, route)
    if not settings.remediation:
        return CheckResult(
            "remediation-receivers",
            CheckStatus.WARNING,
            "no receiver is named that acts on alerts",
            "if one does, name it with --remediation-receiver PATTERN",
        )
    if not reached:
        known = [name for name, each in receivers.items() if settings.is_remediation(each)]
        message = f"no alert reaches {list_names(known) or 'a receiver that acts on alerts'}"
        return CheckResult("remediation-receivers", CheckStatus.OK, message)
    first = next(iter(reached.values()))
    count = f"{len(reached)} of {format_count(len(alerts), 'alert')}"
    return CheckResult(
        "remediation-receivers",
        CheckStatus.FAILED,
        f"{count} reach {first.receiver}, which acts on alerts: {list_names([*reached])}",
        f"by the route {first.route}; put the generated routes above it, or, if they are an "
        f"AlertmanagerConfig, add '{names.SERVICE}=\"\"' to its matchers",
    )


def check_on_call_receivers(
    alerts: Sequence[RoutedAlert],
    receivers: Mapping[str, Receiver],
    settings: ReceiverSettings,
) -> CheckResult:
    """Check that every alert reaches a receiver that notifies people."""
    unheard: dict[str, str] = {}
    webhooks: dict[str, str] = {}
    for alert in alerts:
        reached = [r for each in alert.routes if (r := receivers.get(each.receiver))]
        if any(settings.is_on_call(receiver) for receiver in reached):
            continue
        found = [
            each for each in reached if each.integrations and not settings.is_remediation(each)
        ]
        target = (found or reached or [Receiver("none", (), ())])[0].name
        (webhooks if found else unheard)[alert.name] = target
    count = format_count(len(alerts), "alert")
    if unheard:
        receiver = next(iter(unheard.values()))
        return CheckResult(
            "on-call-receivers",
            CheckStatus.FAILED,
            f"{len(unheard)} of {count} reach nobody: {list_names([*unheard])}",
            f"the receiver {receiver} notifies no one; give it an address, or add the generated "
            "routes to the configuration",
        )
    if webhooks:
        reached_names = sorted(set(webhooks.values()))
        return CheckResult(
            "on-call-receivers",
            CheckStatus.WARNING,
            f"{len(webhooks)} of {count} reach only webhooks: {list_names(reached_names)}",
            "say with --on-call-receiver PATTERN which webhooks notify people",
        )
    return CheckResult("on-call-receivers", CheckStatus.OK, f"all of {count} reach people")


def check_delivery_times(alerts: Sequence[RoutedAlert], state: AlertmanagerState) -> CheckResult:
    """Check that no page waits for a time interval, and that every alert is notified at some time.

    The heartbeat is among the alerts; what else it needs, `check_heartbeat` finds.
    """
    now = datetime.now(UTC)
    intervals = {
        (each.muted_in, each.active_in)
        for alert in alerts
        for each in alert.routes
        if each.muted_in or each.active_in
    }
    closed = {each for each in intervals if not find_notifying_time(state.config, *each, now)}
    never = [
        alert.name
        for alert in alerts
        if alert.routes and all((each.muted_in, each.active_in) in closed for each in alert.routes)
    ]
    if never:
        (muted, active), *_ = closed
        return CheckResult(
            "delivery-times",
            CheckStatus.FAILED,
            f"{format_count(len(never), 'alert')} not notified at any time in the next "
            f"{LOOKAHEAD.days} days: {list_names(never)}",
            f"remove the time interval {list_names([*muted, *active])} from the route",
        )
    pages = [a for a in alerts if a.labels.get(names.SEVERITY) == _PAGE_SEVERITY]
    waiting = {
        page.name: each for page in pages for each in page.routes if each.muted_in or each.active_in
    }
    always = {
        page.name
        for page in pages
        if any(not each.muted_in and not each.active_in for each in page.routes)
    }
    late = [name for name in waiting if name not in always]
    if late:
        interval = [*waiting[late[0]].muted_in, *waiting[late[0]].active_in]
        return CheckResult(
            "delivery-times",
            CheckStatus.FAILED,
            f"{format_count(len(late), 'page')} not notified at all times: {list_names(late)}",
            f"remove the time interval {list_names(interval)} from the route",
        )
    return CheckResult(
        "delivery-times",
        CheckStatus.OK,
        f"{format_count(len(pages), 'page')} notified at any time",
    )


def check_inhibitions(
    alerts: Sequence[RoutedAlert],
    heartbeats: Sequence[str],
    external_labels: Labels,
    state: AlertmanagerState,
) -> CheckResult:
    """Check that alerts of other rules cannot mute a heartbeat, nor alerts they have no part in.

    An inhibition whose `equal` labels are all missing on an alert mutes it whenever any source
    without these labels fires, as InfoInhibitor of kube-prometheus-stack does. External labels
    are no distinction, since all alerts of the Prometheus have them.
    """
    own = {alert.name for alert in alerts}
    urgent = {*heartbeats}
    urgent |= {a.name for a in alerts if a.labels.get(names.SEVERITY) == _PAGE_SEVERITY}
    muted: dict[str, str] = {}
    for rule in list_inhibitions(state.config):
        if _selects_built_alerts(rule.source, own):
            continue
        compared = set(rule.equal) - set(external_labels)
        source = ", ".join(map(str, rule.source))
        for alert in alerts:
            is_loose = not any(alert.labels.get(label) for label in compared)
            if match_labels(rule.target, alert.labels) and (is_loose or alert.name in heartbeats):
                muted.setdefault(alert.name, source)
    if not muted:
        message = f"no foreign inhibition mutes one of {format_count(len(own), 'alert')}"
        return CheckResult("inhibitions", CheckStatus.OK, message)
    name = next((each for each in muted if each in urgent), next(iter(muted)))
    return CheckResult(
        "inhibitions",
        CheckStatus.FAILED if name in urgent else CheckStatus.WARNING,
        f"{format_count(len(muted), 'alert')} muted by foreign inhibitions: {list_names([*muted])}",
        f"{name} is muted while an alert with {muted[name]} fires; give the alert the label that "
        "the inhibition compares, such as namespace",
    )


def _selects_built_alerts(source: Sequence[Matcher], own: Collection[str]) -> bool:
    """Tell whether only alerts of this build can match: by a label of SLOs, or by their names."""
    return any(
        (each.label in names.IDENTITY and not match_labels([each], {}))
        or (
            each.label == ALERTNAME
            and any(match_labels([each], {ALERTNAME: name}) for name in own)
            and not match_labels([each], {ALERTNAME: _FOREIGN_ALERT})
        )
        for each in source
    )


def check_silences(alerts: Sequence[RoutedAlert], state: AlertmanagerState) -> CheckResult:
    """Check that no active silence matches a built alert."""
    silenced = {
        alert.name: str(silence.get("id", ""))
        for silence in state.silences
        for alert in alerts
        if match_labels([_read_silence_matcher(each) for each in silence["matchers"]], alert.labels)
    }
    if not silenced:
        return CheckResult("silences", CheckStatus.OK, "no silence matches an alert")
    return CheckResult(
        "silences",
        CheckStatus.WARNING,
        f"{format_count(len(silenced), 'alert')} silenced: {list_names([*silenced])}",
        f"silence {next(iter(silenced.values()))}; a silenced cause still mutes its symptoms",
    )


def _read_silence_matcher(matcher: Mapping[str, object]) -> Matcher:
    negated, pattern = not matcher.get("isEqual", True), matcher.get("isRegex")
    operator = {(0, 0): "=", (1, 0): "!=", (0, 1): "=~", (1, 1): "!~"}[negated, bool(pattern)]
    return Matcher(str(matcher["name"]), operator, str(matcher["value"]))


def check_heartbeat(
    name: str,
    alerts: Sequence[RoutedAlert],
    receivers: Mapping[str, Receiver],
    prometheus: PrometheusState,
    state: AlertmanagerState,
) -> CheckResult:
    """Check that a heartbeat fires, arrives in Alertmanager, is not muted, and is sent on."""

    def fail(message: str, hint: str) -> CheckResult:
        return CheckResult("heartbeat", CheckStatus.FAILED, f"{name} {message}", hint)

    if not any(labels.get(ALERTNAME) == name for labels in prometheus.firing):
        return fail("does not fire", "it always fires once its rule is loaded and evaluated")
    held = [alert for alert in state.alerts if alert.labels.get(ALERTNAME) == name]
    if not held:
        hint = "check that Prometheus sends its alerts to this Alertmanager"
        return fail("does not arrive in Alertmanager", hint)
    if held[0].silenced_by or held[0].inhibited_by:
        by = "a silence" if held[0].silenced_by else "an inhibition"
        return fail(f"is muted by {by}", "a muted heartbeat raises the alarm at its receiver")
    routes = [d for alert in alerts if alert.name == name for d in alert.routes]
    sent = [d for d in routes if (r := receivers.get(d.receiver)) and r.integrations]
    if not sent:
        receiver = routes[0].receiver if routes else "none"
        return fail(
            f"reaches the receiver {receiver}, which sends nothing",
            "configure a receiver that raises an alarm when the heartbeat stops",
        )
    return _check_heartbeat_times(name, sent[0])


def _check_heartbeat_times(name: str, route: MatchedRoute) -> CheckResult:
    """Check that a heartbeat is sent at any time, and often."""
    waiting = [*route.muted_in, *route.active_in]
    interval = max(map(Duration.parse, (route.repeat_interval, route.group_interval)))
    message, hint = f"{name} reaches {route.receiver}, repeated every {interval}", ""
    status = CheckStatus.OK
    if waiting:
        status = CheckStatus.FAILED
        message = f"{name} is sent to {route.receiver} at some times only"
        hint = f"remove the time interval {list_names(waiting)} from the route"
    elif interval > _SLOW_HEARTBEAT:
        status = CheckStatus.WARNING
        message = f"{name} reaches {route.receiver} every {interval} only"
        hint = (
            "set repeat_interval and group_interval of its route to 1m; an outage is not known "
            "before a heartbeat is missing"
        )
    return CheckResult("heartbeat", status, message, hint)
