"""Graph of causes and symptoms among the alerts of a run, and the problems of its inhibitions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches as close

from generator.routing.sources import Sources
from generator.routing.watched import Alert, Watched, alerts

# Names of one service resemble each other. A misspelt name is more similar than that.
_NEAR = 0.85
_SHOWN = 3

Reads = Mapping[tuple[str, ...], frozenset[str]]


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
