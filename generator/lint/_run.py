"""Lint runner: it runs the checks on specs and applies the silences in them."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

from generator import lint
from generator.lint._subject import (
    AlertSubject,
    LintFinding,
    NamedAlert,
    QuerySubject,
    RunSubject,
    SloSubject,
    SpecSubject,
)
from generator.model import SLO, MetricFacts
from generator.settings import RunSettings
from generator.slo.annotations import build_standalone_alert_meta
from slos.schema.alerting import Silence
from slos.schema.problem import Problem, ProblemSeverity
from slos.schema.spec import LocatedSpec, Spec
from slos.schema.units import format_count
from slos.schema.yaml.document import Location
from slos.schema.yaml.validation import format_location

# A finding about a key below a section names it, as problems of validation do.
_SECTION_DEPTH = 2
UNUSED_SILENCE = "unused-silence"
"""Id of the check of unused silences."""


@dataclass(frozen=True, slots=True)
class SpecInRun:
    """Spec of a run, for checks across specs.

    Attributes:
        spec: the spec.
        slos: its resolved SLOs.
        alerts: alerts of its SLOs and standalone alerts.
        index: index of the spec in its file.
    """

    spec: Spec | None
    slos: Sequence[SLO]
    alerts: tuple[NamedAlert, ...]
    index: int


def lint_planned_spec(
    located: LocatedSpec, slos: Sequence[SLO], defaults: RunSettings
) -> Iterator[Problem]:
    """Run the checks on a spec and on those of its SLOs that could be resolved."""
    left = list(slos)
    for index, written in enumerate(located.spec.slos):
        if left and left[0].name == written.name:
            yield from lint_slo(located, index, left.pop(0), defaults)
    yield from lint_alerts(located, defaults)
    yield from lint_recordings(located, defaults)
    yield from lint_spec(located, defaults)


def lint_slo(
    located: LocatedSpec, index: int, slo: SLO, run_settings: RunSettings
) -> Iterator[Problem]:
    """Problems that checks find in an SLO, resolved and as written."""
    slo_spec, source = located.spec.slos[index], run_settings.metrics_source
    facts = source.read_slo_facts(slo) if source else None
    subject = SloSubject(
        slo,
        slo_spec,
        run_settings.retention,
        run_settings.recorded_metrics,
        facts.types if facts else {},
    )
    found = list(lint.run_slo_checks(subject, review=run_settings.review))
    found += lint.run_live_slo_checks(subject, facts) if facts else []
    yield from _apply_silences(located, ("slos", index), slo_spec.silence, found, run_settings)


def lint_alerts(located: LocatedSpec, run_settings: RunSettings) -> Iterator[Problem]:
    """Problems that checks find in standalone alerts."""
    for index, alert in enumerate(located.spec.alerts):
        meta = build_standalone_alert_meta(located.spec, alert)
        facts = _read_facts(alert.query, run_settings)
        subject = AlertSubject(
            meta,
            alert.query,
            located.spec,
            alert,
            facts.types if facts else {},
        )
        found = list(lint.run_alert_checks(subject, review=run_settings.review))
        found += _lint_query(located.spec, alert.query, facts, run_settings)
        yield from _apply_silences(located, ("alerts", index), alert.silence, found, run_settings)


def lint_recordings(located: LocatedSpec, run_settings: RunSettings) -> Iterator[Problem]:
    """Problems that checks find in standalone recordings."""
    for index, recording in enumerate(located.spec.recordings):
        facts = _read_facts(recording.query, run_settings)
        found = _lint_query(located.spec, recording.query, facts, run_settings)
        yield from _apply_silences(located, ("recordings", index), (), found, run_settings)


def lint_spec(located: LocatedSpec, run_settings: RunSettings) -> Iterator[Problem]:
    """Problems that checks find in a spec as a whole, and silences of unknown checks."""
    subject = SpecSubject(located.spec, run_settings.now)
    found = list(lint.run_spec_checks(subject, review=run_settings.review))
    yield from _apply_silences(located, (), (), found, run_settings)
    yield from _find_unknown_silences(located, (), located.spec.silence)


def build_spec_in_run(index: int, located: LocatedSpec, slos: Sequence[SLO]) -> SpecInRun:
    """Collect the parts of a spec that checks across specs need."""
    return SpecInRun(located.spec, slos, tuple(_list_named_alerts(located, slos)), index)


def lint_run(
    specs: Sequence[SpecInRun],
    run_settings: RunSettings,
    read_again: Callable[[int], LocatedSpec],
) -> Iterator[Problem]:
    """Problems that checks find across all specs of a run.

    Args:
        specs: specs of the run.
        run_settings: settings of the run.
        read_again: parses the spec of a number again for the positions of its keys; few runs have
            a finding, so positions are not kept in memory.
    """
    alerts = (
        replace(alert, spec_index=number)
        for number, each in enumerate(specs)
        for alert in each.alerts
    )
    subject = RunSubject(tuple(alerts), tuple((each.spec, each.slos) for each in specs))
    for number, check, finding in lint.run_cross_spec_checks(subject, review=run_settings.review):
        yield from _apply_silences(read_again(number), (), (), [(check, finding)], run_settings)


def merge_repeats(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Keep one problem for each file of the checks that report once; it counts the others."""
    repeats: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        module = lint.load_checks().get(problem.check)
        if module and getattr(module, "ONE_PER_FILE", False):
            repeats.setdefault((problem.position.file, problem.check), []).append(problem)
        else:
            yield problem
    for first, *others in repeats.values():
        more = f"; the same holds for {format_count(len(others), 'other')}" if others else ""
        yield replace(first, message=first.message + more)


def _read_facts(query: str, run_settings: RunSettings) -> MetricFacts | None:
    source = run_settings.metrics_source
    return source.read_query_facts(query) if source else None


def _lint_query(
    spec: Spec, query: str, facts: MetricFacts | None, run_settings: RunSettings
) -> list[tuple[str, LintFinding]]:
    subject = QuerySubject(
        query,
        spec.scrape_interval or run_settings.scrape_interval,
        run_settings.recorded_metrics,
        facts.types if facts else {},
    )
    found = list(lint.run_query_checks(subject, review=run_settings.review))
    found += lint.run_live_query_checks(subject, facts) if facts else []
    return found


def _list_named_alerts(located: LocatedSpec, slos: Sequence[SLO]) -> Iterator[NamedAlert]:
    """Alerts of a spec; an SLO that could not be resolved has none."""
    resolved = {slo.name: slo for slo in slos}
    for index, slo_spec in enumerate(located.spec.slos):
        slo, path = resolved.get(slo_spec.name), ("slos", index, "alerting")
        if slo:
            owner, place = f"SLO {slo.id!r}", str(located.find_position(path))
            yield from (NamedAlert(path, owner, each.name, place) for each in slo.alert_metas)
    if no_data_alert := located.spec.no_data_alert:
        place = str(located.find_position(("no_data_alert", "name")))
        yield NamedAlert(
            ("no_data_alert", "name"), "the alert on missing data", no_data_alert.name, place
        )
    for index, alert in enumerate(located.spec.alerts):
        position = ("alerts", index, "name")
        yield NamedAlert(
            position, "another alert", alert.name, str(located.find_position(position))
        )


def _apply_silences(
    located: LocatedSpec,
    path: Location,
    silences: Sequence[Silence],
    findings: Iterable[tuple[str, LintFinding]],
    run_settings: RunSettings,
) -> Iterator[Problem]:
    silenced = {silence.check for silence in (*silences, *located.spec.silence)}
    used = set()
    for check, finding in findings:
        if check in silenced and finding.can_be_silenced:
            used.add(check)
        elif not (run_settings.writes_runbooks and _is_about_runbooks(check)):
            location = (*path, *finding.path)
            message = finding.message
            if path and len(finding.path) > _SECTION_DEPTH:
                written_location = located.origin.to_source_location(location)
                message = f"{format_location(written_location)}: {message}"
            position = located.find_position(location)
            yield Problem(position, message, finding.hint, finding.severity, check)
    yield from _find_unknown_silences(located, path, silences)
    if run_settings.review:
        yield from _find_unused_silences(located, path, silences, used)


def _find_unknown_silences(
    located: LocatedSpec, path: Location, silences: Sequence[Silence]
) -> Iterator[Problem]:
    known = list(lint.load_checks())
    for index, silence in enumerate(silences):
        if silence.check not in known:
            near = difflib.get_close_matches(silence.check, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known checks: {', '.join(known)}"
            position = located.find_position((*path, "silence", index, "check"))
            yield Problem(position, f"unknown check {silence.check!r}", hint)


def _find_unused_silences(
    located: LocatedSpec, path: Location, silences: Sequence[Silence], used: set[str]
) -> Iterator[Problem]:
    for index, silence in enumerate(silences):
        module = lint.load_checks().get(silence.check)
        if module and silence.check not in used and not _depends_on_options(module):
            yield Problem(
                located.find_position((*path, "silence", index, "check")),
                f"unused silence: {silence.check!r} has no findings here",
                "remove it",
                ProblemSeverity.WARNING,
                UNUSED_SILENCE,
            )


def _is_about_runbooks(check: str) -> bool:
    """Tell whether a check finds alerts that have no page unless the build writes it."""
    return getattr(lint.load_checks()[check], "ABOUT_RUNBOOKS", False)


def _depends_on_options(module: ModuleType) -> bool:
    """Tell whether other options of the run can make a silence used, such as a Prometheus."""
    return hasattr(module, "check_live_slo") or getattr(module, "DEPENDS_ON_OPTIONS", False)
