"""Which alert explains which, from the metrics they read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches as close

import promql_parser as ast

from generator import names
from generator.model import SLO, Firing
from slos.schema import promql
from slos.schema.spec import Spec
from slos.schema.standalone import Inhibits

Watched = tuple[Spec | None, Sequence[SLO]]
"""A spec, or None if it has no standalone rules, and its resolved SLOs."""

LESS = ("info", "warning")
"""The severities below a page, the lowest first. Any other severity may be a page."""

# Prefixes of the series that the rules of every SLO record.
_OF_SLOS = ("slo:", names.INFO)

# Names of one service resemble each other. A misspelt name is more similar than that.
_NEAR = 0.85
_SHOWN = 3

Reads = Mapping[tuple[str, ...], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert before Prometheus adds labels to it.

    Attributes:
        severity: value of its severity label; empty if it has none.
        queries: its own query, or the queries behind its SLO's recorded series.
        slo: the id of its SLO; empty for a standalone alert.
        is_error_alert: True if it is about burn rates or error ratios, not about missing data.
        position: of a standalone alert: the number of its spec and of the alert in it.
    """

    name: str
    severity: str
    queries: tuple[str, ...]
    slo: str = ""
    burns: bool = False
    heartbeat: bool = False
    inhibits: Inhibits | None = None
    path: tuple[int, int] | None = None

    @property
    def rank(self) -> int:
        """Urgency as a number. An unknown severity ranks highest, since it may be a page."""
        return LESS.index(self.severity) if self.severity in LESS else len(LESS)


def alerts(watched: Sequence[Watched]) -> tuple[Alert, ...]:
    """List every alert of a run."""
    return tuple(alert for number, each in enumerate(watched) for alert in _alerts(number, *each))


def _alerts(number: int, spec: Spec | None, slos: Sequence[SLO]) -> Iterator[Alert]:
    for slo in slos:
        for firing in slo.firings:
            yield _of_slo(slo, firing)
    for index, plain in enumerate(spec.alerts if spec else ()):
        yield Alert(
            name=plain.name,
            severity=plain.labels.get(names.SEVERITY, plain.severity),
            queries=(plain.query,),
            heartbeat=plain.heartbeat,
            inhibits=plain.inhibits,
            path=(number, index),
        )


def _of_slo(slo: SLO, firing: Firing) -> Alert:
    return Alert(
        name=firing.name,
        severity=firing.labels.get(names.SEVERITY, ""),
        queries=(slo.signal.total, slo.signal.errors),
        slo=slo.id,
        burns=firing is not slo.absent_alert,
    )


class Sources:
    """Metrics behind queries, across the recording rules of a run."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self._recorded: dict[str, list[tuple[dict[str, str], tuple[str, ...]]]] = {}
        for spec, _ in watched:
            for each in spec.recordings if spec else ():
                made = (dict(each.labels), (each.query,))
                self._recorded.setdefault(each.record, []).append(made)
        self._of_slos = [
            (names.identity(slo), (slo.signal.total, slo.signal.errors))
            for _, slos in watched
            for slo in slos
        ]

    def of(self, queries: Iterable[str]) -> frozenset[str]:
        """Find the names of the metrics behind queries that no rule of this run records."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = list(queries)
        while waiting:
            query = waiting.pop()
            if query not in seen:
                seen.add(query)
                for metric, behind in self._read(query):
                    found |= set() if behind else {metric}
                    waiting += behind
        return frozenset(found)

    def _read(self, query: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the metrics that a query reads, each with the queries that record it."""
        for node in promql.walk(promql.parse_template(query)):
            if isinstance(node, ast.VectorSelector) and node.name:
                yield node.name, list(self._behind(node.name, node))

    def _behind(self, metric: str, node: ast.VectorSelector) -> Iterator[str]:
        made = self._of_slos if metric.startswith(_OF_SLOS) else self._recorded.get(metric, [])
        for labels, queries in made:
            if _may_have(node, labels):
                yield from queries


def _may_have(node: ast.VectorSelector, labels: dict[str, str]) -> bool:
    """Check that no equality matcher of a selector asks for another value of these labels."""
    return all(
        labels.get(matcher.name, matcher.value) == matcher.value
        for matcher in node.matchers.matchers
        if str(matcher.op) == str(ast.MatchOp.Equal)
    )


@dataclass(frozen=True, slots=True)
class Explained:
    """A cause and its symptoms, by name.

    Attributes:
        symptoms: the alerts that the cause inhibits.
        missing: names that match nothing in this run, each with its kind `metrics`, `slos` or
            `alerts` before it.
    """

    cause: Alert
    symptoms: tuple[Alert, ...]
    missing: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the symptoms, without duplicates."""
        return tuple(dict.fromkeys(alert.name for alert in self.symptoms))


@dataclass(frozen=True, slots=True)
class Doubt:
    """A problem of an inhibition; `fatal` if an important alert would not be notified."""

    cause: Alert
    message: str
    hint: str
    fatal: bool = True


def explained(watched: Sequence[Watched]) -> tuple[Explained, ...]:
    """Find every cause of a run and its symptoms, sorted by name."""
    every = sorted(alerts(watched), key=lambda alert: alert.name)
    causes = [alert for alert in every if alert.inhibits]
    if not causes:
        return ()
    sources = Sources(watched)
    reads = {alert.queries: sources.of(alert.queries) for alert in every}
    return tuple(_explained(cause, every, reads) for cause in causes)


def _explained(cause: Alert, every: Sequence[Alert], reads: Reads) -> Explained:
    missing, symptoms = [], []
    for kind, name in _named(cause):
        found = [alert for alert in every if _fits(alert, kind, name, reads)]
        if not found:
            missing.append((kind, name))
        # A metric selects every alert that reads it, except the cause itself and heartbeats.
        spared = kind == "metrics"
        symptoms += [a for a in found if not (spared and (a is cause or a.heartbeat))]
    ordered = tuple(alert for alert in every if any(alert is each for each in symptoms))
    return Explained(cause, ordered, tuple(missing))


def _named(cause: Alert) -> Iterator[tuple[str, str]]:
    said = cause.inhibits
    if said:
        yield from (("metrics", start) for start in said.metrics)
        yield from (("slos", slo) for slo in said.slos)
        yield from (("alerts", name) for name in said.alerts)


def _fits(alert: Alert, kind: str, name: str, reads: Reads) -> bool:
    if kind == "metrics":
        return any(metric.startswith(name) for metric in reads[alert.queries])
    if kind == "slos":
        return alert.burns and alert.slo == name
    return alert.name == name


def doubts(watched: Sequence[Watched]) -> Iterator[Doubt]:
    """Find inhibitions after which an important alert would not be notified."""
    every = explained(watched)
    if not every:
        return
    hides = {each.cause.name: each.names for each in every}
    sources = Sources(watched)
    for each in every:
        cause = each.cause
        yield from _missing(each, watched)
        if not sources.of(cause.queries):
            hint = "let it read what it is about"
            yield Doubt(cause, f"{cause.name!r} reads no series and would always inhibit", hint)
        yield from _silent_hearts(each)
        yield from _namesakes(each, watched)
        louder = [alert.name for alert in each.symptoms if alert.rank > cause.rank]
        if louder:
            yield Doubt(
                cause,
                f"{cause.name!r} is less severe than what it inhibits: {', '.join(louder)}",
                "nobody would be woken; make it as severe, or inhibit less",
            )
        if circle := _circle(cause.name, hides):
            yield Doubt(
                cause,
                f"{' inhibits '.join(circle)}: with all of them firing, nobody hears of any",
                "let the cause inhibit the symptom, and not the other way round",
            )


def _silent_hearts(each: Explained) -> Iterator[Doubt]:
    for alert in each.symptoms:
        if alert.heartbeat:
            message = f"{alert.name!r} is a heartbeat, and its silence is an alarm"
            yield Doubt(each.cause, message, "take it out of inhibits")


def _namesakes(each: Explained, watched: Sequence[Watched]) -> Iterator[Doubt]:
    """Find symptoms that share a name with another alert, which would be inhibited as well."""
    others = {alert.name for alert in alerts(watched) if alert not in each.symptoms}
    for name in each.names:
        if name in others and name != each.cause.name:
            message = (
                f"{each.cause.name!r} inhibits {name!r}, which is the name of another alert too"
            )
            yield Doubt(each.cause, message, "give each alert a name of its own")


def _circle(start: str, hides: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Find a path of inhibitions from an alert back to itself; empty if there is none."""
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop(0)
        for name in hides.get(way[-1], ()):
            if name == start:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _missing(each: Explained, watched: Sequence[Watched]) -> Iterator[Doubt]:
    """Warn of names that match nothing in this run.

    This is not fatal: other specs, built at another time, may define them.
    """
    if not each.missing:
        return
    known = {
        "metrics": [],
        "slos": [slo.id for _, slos in watched for slo in slos],
        "alerts": [alert.name for alert in alerts(watched)],
    }
    near = [found for kind, name in each.missing for found in close(name, known[kind], 1, _NEAR)]
    named = ", ".join(f"{name} ({kind})" for kind, name in each.missing[:_SHOWN])
    more = f" and {len(each.missing) - _SHOWN} more" if len(each.missing) > _SHOWN else ""
    yield Doubt(
        each.cause,
        f"{each.cause.name!r} inhibits what is in no spec of this run: {named}{more}",
        f"{f'did you mean {near[0]!r}? ' if near else ''}build all specs together",
        fatal=False,
    )
