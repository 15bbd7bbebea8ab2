"""Graph of causes and symptoms: an alert explains another when both read the same metrics."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches as close

from generator import names
from generator.model import SLO, AlertMeta
from generator.rules.recorded_series import RecordedSeries
from slos.schema import promql
from slos.schema.alerting import InhibitionSpec
from slos.schema.spec import Spec
from slos.schema.units import format_names

SpecWithSLOs = tuple[Spec | None, Sequence[SLO]]
"""A spec, or None if it has no standalone rules, and its resolved SLOs."""

SEVERITIES_BELOW_PAGE = ("info", "warning")
"""The severities below a page, the lowest first. Any other severity may be a page."""

# Names of one service resemble each other. A misspelt name is more similar than that.
_SIMILARITY = 0.85
_MAX_SHOWN = 3

MetricsByQueries = Mapping[tuple[str, ...], frozenset[str]]


@dataclass(frozen=True, slots=True)
class AlertNode:
    """An alert before Prometheus adds labels to it.

    Attributes:
        severity: value of its severity label; empty if it has none.
        queries: its own query, or the queries behind its SLO's recorded series.
        slo: the id of its SLO; empty for a standalone alert.
        office_hours: False if it is notified at any hour.
        is_error_alert: True if it is about burn rates or error ratios, not about missing data.
        inhibits: the alerts that it inhibits.
        position: the number of its spec, and the place of `inhibits` in it.
    """

    name: str
    severity: str
    queries: tuple[str, ...]
    slo: str = ""
    is_error_alert: bool = False
    heartbeat: bool = False
    office_hours: bool = True
    inhibits: InhibitionSpec | None = None
    position: tuple[int, tuple[str | int, ...]] | None = None

    @property
    def rank(self) -> int:
        """Urgency as a number. An unknown severity ranks highest, since it may be a page."""
        return (
            SEVERITIES_BELOW_PAGE.index(self.severity)
            if self.severity in SEVERITIES_BELOW_PAGE
            else len(SEVERITIES_BELOW_PAGE)
        )


def list_alerts(specs: Sequence[SpecWithSLOs]) -> tuple[AlertNode, ...]:
    """List every alert of a run."""
    return tuple(
        alert for number, each in enumerate(specs) for alert in _list_spec_alerts(number, *each)
    )


def _list_spec_alerts(number: int, spec: Spec | None, slos: Sequence[SLO]) -> Iterator[AlertNode]:
    for index, slo in enumerate(slos):
        keys = {alert.meta.name: f"{alert.severity}_alert" for alert in slo.burn_alerts}
        for meta in slo.alert_metas:
            place = ("slos", index, "alerting", keys.get(meta.name, ""), "inhibits")
            yield _build_slo_alert(slo, meta, (number, place))
    for index, alert in enumerate(spec.alerts if spec else ()):
        yield AlertNode(
            name=alert.name,
            severity=alert.labels.get(names.SEVERITY, alert.severity),
            queries=(alert.query,),
            heartbeat=alert.heartbeat,
            office_hours=alert.office_hours,
            inhibits=alert.inhibits,
            position=(number, ("alerts", index, "inhibits")),
        )


def _build_slo_alert(
    slo: SLO, meta: AlertMeta, position: tuple[int, tuple[str | int, ...]]
) -> AlertNode:
    return AlertNode(
        name=meta.name,
        severity=meta.labels.get(names.SEVERITY, ""),
        queries=(slo.signal.total, slo.signal.errors),
        slo=slo.id,
        office_hours=meta.office_hours,
        inhibits=meta.inhibits,
        is_error_alert=meta is not slo.absent_alert,
        position=position,
    )


def _collect_recorded_series(specs: Sequence[SpecWithSLOs]) -> RecordedSeries:
    return RecordedSeries(
        (each for spec, _ in specs if spec for each in spec.recordings),
        (slo for _, slos in specs for slo in slos),
    )


def _find_metrics(queries: Iterable[str], recorded: RecordedSeries) -> frozenset[str]:
    """Find the names of the metrics behind queries that no rule of this run records."""
    selectors = (each for query in queries for each in recorded.list_raw_selectors(query))
    return frozenset(filter(None, map(promql.read_selector_metric, selectors)))


@dataclass(frozen=True, slots=True)
class CauseWithSymptoms:
    """A cause and its symptoms, by name.

    Attributes:
        symptoms: the alerts that the cause inhibits.
        missing: names that match nothing in this run, each with its kind `metrics`, `slos` or
            `alerts` before it.
    """

    cause: AlertNode
    symptoms: tuple[AlertNode, ...]
    missing: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the symptoms, without duplicates."""
        return tuple(dict.fromkeys(alert.name for alert in self.symptoms))


@dataclass(frozen=True, slots=True)
class InhibitionProblem:
    """A problem of an inhibition; `fatal` if an important alert would not be notified."""

    cause: AlertNode
    message: str
    hint: str
    fatal: bool = True


def find_causes(specs: Sequence[SpecWithSLOs]) -> tuple[CauseWithSymptoms, ...]:
    """Find every cause of a run and its symptoms, sorted by name."""
    all_alerts = sorted(list_alerts(specs), key=lambda alert: alert.name)
    causes = [alert for alert in all_alerts if alert.inhibits]
    if not causes:
        return ()
    recorded = _collect_recorded_series(specs)
    reads = {alert.queries: _find_metrics(alert.queries, recorded) for alert in all_alerts}
    return tuple(_find_symptoms(cause, all_alerts, reads) for cause in causes)


def _find_symptoms(
    cause: AlertNode, all_alerts: Sequence[AlertNode], reads: MetricsByQueries
) -> CauseWithSymptoms:
    missing, symptoms = [], []
    for kind, name in _list_inhibited(cause):
        matching = [alert for alert in all_alerts if _is_named(alert, kind, name, reads)]
        if not matching:
            missing.append((kind, name))
        # A metric selects every alert that reads it, except the cause itself and heartbeats.
        by_metric = kind == "metrics"
        symptoms += [a for a in matching if not (by_metric and (a is cause or a.heartbeat))]
    ordered = tuple(alert for alert in all_alerts if any(alert is each for each in symptoms))
    return CauseWithSymptoms(cause, ordered, tuple(missing))


def _list_inhibited(cause: AlertNode) -> Iterator[tuple[str, str]]:
    inhibits = cause.inhibits
    if inhibits:
        yield from (("metrics", prefix) for prefix in inhibits.metrics)
        yield from (("slos", slo) for slo in inhibits.slos)
        yield from (("alerts", name) for name in inhibits.alerts)


def _is_named(alert: AlertNode, kind: str, name: str, reads: MetricsByQueries) -> bool:
    if kind == "metrics":
        return any(metric.startswith(name) for metric in reads[alert.queries])
    if kind == "slos":
        return alert.is_error_alert and alert.slo == name
    return alert.name == name


def find_inhibition_problems(specs: Sequence[SpecWithSLOs]) -> Iterator[InhibitionProblem]:
    """Find inhibitions after which an important alert would not be notified."""
    causes = find_causes(specs)
    if not causes:
        return
    inhibited = {each.cause.name: each.names for each in causes}
    recorded = _collect_recorded_series(specs)
    for each in causes:
        cause = each.cause
        yield from _check_missing_names(each, specs)
        if not _find_metrics(cause.queries, recorded):
            hint = "read a series in the query"
            yield InhibitionProblem(
                cause, f"{cause.name!r} reads no series, so it always inhibits", hint
            )
        yield from _check_heartbeats(each)
        yield from _check_shared_names(each, specs)
        more_severe = [alert.name for alert in each.symptoms if alert.rank > cause.rank]
        if more_severe:
            yield InhibitionProblem(
                cause,
                f"{cause.name!r} is less severe than its symptoms: {', '.join(more_severe)}",
                "raise its severity, or remove these alerts from inhibits; else no page is sent",
            )
        if cycle := _find_cycle(cause.name, inhibited):
            yield InhibitionProblem(
                cause,
                f"inhibition cycle: {' inhibits '.join(cycle)}",
                "remove one of the inhibitions; if all alerts fire, no notification is sent",
            )


def _check_heartbeats(each: CauseWithSymptoms) -> Iterator[InhibitionProblem]:
    for alert in each.symptoms:
        if alert.heartbeat:
            message = f"{alert.name!r} is a heartbeat and must not be inhibited"
            yield InhibitionProblem(each.cause, message, "remove it from inhibits")


def _check_shared_names(
    each: CauseWithSymptoms, specs: Sequence[SpecWithSLOs]
) -> Iterator[InhibitionProblem]:
    """Find symptoms that share a name with another alert, which would be inhibited as well."""
    others = {alert.name for alert in list_alerts(specs) if alert not in each.symptoms}
    for name in each.names:
        if name in others and name != each.cause.name:
            message = (
                f"{each.cause.name!r} inhibits {name!r}, which is also the name of another alert"
            )
            yield InhibitionProblem(each.cause, message, "rename one of the alerts")


def _find_cycle(start: str, inhibited: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Find a path of inhibitions from an alert back to itself; empty if there is none."""
    paths = [[start]]
    seen = {start}
    while paths:
        path = paths.pop(0)
        for name in inhibited.get(path[-1], ()):
            if name == start:
                return [*path, name]
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return []


def _check_missing_names(
    each: CauseWithSymptoms, specs: Sequence[SpecWithSLOs]
) -> Iterator[InhibitionProblem]:
    """Warn of names that match nothing in this run.

    This is not fatal: other specs, built at another time, may define them.
    """
    if not each.missing:
        return
    known_names = {
        "metrics": [],
        "slos": [slo.id for _, slos in specs for slo in slos],
        "alerts": [alert.name for alert in list_alerts(specs)],
    }
    similar = [
        found
        for kind, name in each.missing
        for found in close(name, known_names[kind], 1, _SIMILARITY)
    ]
    named = format_names([f"{name} ({kind})" for kind, name in each.missing], _MAX_SHOWN)
    yield InhibitionProblem(
        each.cause,
        f"{each.cause.name!r} inhibits names that no spec of this run defines: {named}",
        f"{f'did you mean {similar[0]!r}? ' if similar else ''}build all specs together",
        fatal=False,
    )
