"""Lint runner: it runs the checks on specs and applies the silences in them."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from generator import lint
from generator.lint._subject import Finding, Named, OfAlert, OfQuery, OfRun, OfSlo, OfSpec
from generator.model import SLO
from generator.settings import Defaults
from generator.slo.annotations import plain_firing
from slos.schema.alerting import Silence
from slos.schema.problem import Problem, Severity
from slos.schema.spec import LocatedSpec, Spec
from slos.schema.yaml.document import Location

UNUSED = "unused-silence"
"""Id of the check of unused silences."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Spec of a run, for checks across specs.

    Attributes:
        spec: the spec.
        slos: its resolved SLOs.
        alerts: alerts of its SLOs and standalone alerts.
        read_again: parses the spec again for the positions of its keys; few runs have a finding,
            so positions are not kept in memory.
    """

    spec: Spec
    slos: Sequence[SLO]
    alerts: tuple[Named, ...]
    again: Callable[[], LocatedSpec]


def of_planned(located: LocatedSpec, slos: Sequence[SLO], defaults: Defaults) -> Iterator[Problem]:
    """Run the checks on a spec and on those of its SLOs that could be resolved."""
    left = list(slos)
    for index, written in enumerate(located.spec.slos):
        if left and left[0].name == written.name:
            yield from of_slo(located, index, left.pop(0), defaults)
    yield from of_alerts(located, defaults)
    yield from of_recordings(located, defaults)
    yield from of_spec(located, defaults)


def of_slo(located: LocatedSpec, index: int, slo: SLO, defaults: Defaults) -> Iterator[Problem]:
    """Problems that checks find in an SLO, resolved and as written."""
    written = located.spec.slos[index]
    subject = OfSlo(slo, written, defaults.retention, defaults.recorded)
    found = list(lint.of_slo(subject, review=defaults.review))
    if defaults.facts:
        found += lint.live(subject, defaults.facts.of_slo(slo))
    yield from _told(located, ("slos", index), written.silence, found, defaults)


def of_alerts(located: LocatedSpec, defaults: Defaults) -> Iterator[Problem]:
    """Problems that checks find in standalone alerts."""
    for index, alert in enumerate(located.spec.alerts):
        firing = plain_firing(located.spec, alert)
        subject = OfAlert(firing, alert.query, located.spec)
        found = list(lint.of_alert(subject, review=defaults.review))
        found += _of_query(located.spec, alert.query, defaults)
        yield from _told(located, ("alerts", index), alert.silence, found, defaults)


def of_recordings(located: LocatedSpec, defaults: Defaults) -> Iterator[Problem]:
    """Problems that checks find in standalone recordings."""
    for index, recording in enumerate(located.spec.recordings):
        found = _of_query(located.spec, recording.query, defaults)
        yield from _told(located, ("recordings", index), (), found, defaults)


def of_spec(located: LocatedSpec, defaults: Defaults) -> Iterator[Problem]:
    """Problems that checks find in a spec as a whole, and silences of unknown checks."""
    found = list(lint.of_spec(OfSpec(located.spec), review=defaults.review))
    yield from _told(located, (), (), found, defaults)
    yield from _unknown(located, (), located.spec.silence)


def beside(
    number: int, located: LocatedSpec, slos: Sequence[SLO], again: Callable[[], LocatedSpec]
) -> Beside:
    """Collect the parts of a spec that checks across specs need."""
    return Beside(located.spec, slos, tuple(_alerts(number, located, slos)), again)


def of_run(specs: Sequence[Beside], defaults: Defaults) -> Iterator[Problem]:
    """Problems that checks find across all specs of a run."""
    named = (alert for each in specs for alert in each.alerts)
    subject = OfRun(tuple(named), tuple((each.spec, each.slos) for each in specs))
    for number, check, finding in lint.of_run(subject, review=defaults.review):
        yield from _told(specs[number].again(), (), (), [(check, finding)], defaults)


def _of_query(spec: Spec, query: str, defaults: Defaults) -> list[tuple[str, Finding]]:
    subject = OfQuery(query, spec.scrape_interval or defaults.scrape_interval, defaults.recorded)
    found = list(lint.of_query(subject, review=defaults.review))
    if defaults.facts:
        found += lint.live_query(subject, defaults.facts.of_query(query))
    return found


def _alerts(number: int, located: LocatedSpec, slos: Sequence[SLO]) -> Iterator[Named]:
    """Alerts of a spec; an SLO that could not be resolved has none."""
    resolved = {slo.name: slo for slo in slos}
    for index, written in enumerate(located.spec.slos):
        slo, path = resolved.get(written.name), ("slos", index, "alerting")
        if slo:
            owner, place = f"the SLO {slo.id!r}", str(located.at(path))
            yield from (Named(number, path, owner, each.name, place) for each in slo.firings)
    for index, alert in enumerate(located.spec.alerts):
        at = ("alerts", index, "name")
        yield Named(number, at, "the plain alerts", alert.name, str(located.at(at)))


def _told(
    located: LocatedSpec,
    path: Location,
    silences: Sequence[Silence],
    found: Iterable[tuple[str, Finding]],
    defaults: Defaults,
) -> Iterator[Problem]:
    silenced = {silence.check for silence in (*silences, *located.spec.silence)}
    used = set()
    for check, finding in found:
        # An error means wrong rules, so it cannot be silenced.
        if check in silenced and finding.severity is Severity.WARNING:
            used.add(check)
        else:
            at = located.at((*path, *finding.path))
            yield Problem(at, finding.message, finding.hint, finding.severity, check)
    yield from _unknown(located, path, silences)
    if defaults.review:
        yield from _unused(located, path, silences, used)


def _unknown(
    located: LocatedSpec, path: Location, silences: Sequence[Silence]
) -> Iterator[Problem]:
    known = list(lint.checks())
    for index, silence in enumerate(silences):
        if silence.check not in known:
            near = difflib.get_close_matches(silence.check, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            at = located.at((*path, "silence", index, "check"))
            yield Problem(at, f"there is no check {silence.check!r}", hint)


def _unused(
    located: LocatedSpec, path: Location, silences: Sequence[Silence], used: set[str]
) -> Iterator[Problem]:
    for index, silence in enumerate(silences):
        module = lint.checks().get(silence.check)
        # A silence of a live check is used only in runs with a Prometheus.
        if module and silence.check not in used and not hasattr(module, "live"):
            yield Problem(
                located.at((*path, "silence", index, "check")),
                f"{silence.check!r} finds nothing here, so there is nothing to silence",
                "remove it",
                Severity.WARNING,
                UNUSED,
            )
