"""Summary of a scenario result as text, for the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

from exporter.loadtest.result import LoadStep, Measure, ScenarioResult, ScenarioState
from slos.schema.contract import IssueCount, Verdict

_VERDICT_TITLES: Mapping[str, str] = {Verdict.LOST: "answered 200 and never executed"}
"""Titles of verdicts other than their names."""
SIGNS = {(False, False): "", (False, True): ">", (True, False): "<=", (True, True): "<"}
"""Signs of a target, by `at_most` and `exclusive`."""
_ALWAYS_SHOWN = (Verdict.OK, Verdict.LOST, Verdict.TIMEOUT)


def format_step(result: ScenarioResult, step: LoadStep) -> str:
    """Format one step: the events sent, and their verdicts."""
    verdicts = ", ".join(
        f"{count} {_get_title(verdict)}" for verdict, count in sorted(step.verdicts.items())
    )
    phase = f", {step.phase}" if step.phase else ""
    return f"{step.load:g} {result.unit}{phase}: {step.sent} sent ({verdicts})"


def format_progress(progress: Mapping[str, Any]) -> str:
    """Format rate, events in flight, p95 and verdicts."""
    parts = []
    if progress["rate"] is not None:
        parts.append(f"{progress['rate']:.1f}/s")
    parts.append(f"{progress['in_flight']} in flight")
    if progress["p95"] is not None:
        parts.append(f"p95 {progress['p95']:.3f} s")
    parts += [f"{count} {verdict}" for verdict, count in sorted(progress["verdicts"].items())]
    return ", ".join(parts)


def format_result(result: ScenarioResult) -> str:
    """Format a whole result."""
    lines = [format_headline(result)]
    if result.level is not None:
        lines.append(f"with {result.level} replicas")
    if result.steps:
        lines += ["", *_format_steps(result)]
    if result.measures:
        lines += ["", *_format_measures(result.measures)]
    return "\n".join([*lines, *(["", *result.notes] if result.notes else [])])


def format_headline(result: ScenarioResult) -> str:
    """Format the outcome of a run in one line."""
    if result.invalid:
        outcome = f"INVALID: {'; '.join(reason.text for reason in result.invalid)}"
    elif result.state is ScenarioState.COMPLETED:
        outcome = {True: "met", False: "NOT MET", None: "no target to compare with"}[result.is_met]
    else:
        outcome = f"{result.state} ({result.reason})" if result.reason else result.state.value
    took = (result.ended_at or result.started_at) - result.started_at
    return f"{result.scenario}: {outcome}, {result.events:,} events in {took:.0f} s"


def _format_steps(result: ScenarioResult) -> list[str]:
    stages = list(result.steps[0].shares)
    verdicts = [
        verdict
        for verdict in Verdict
        if verdict in _ALWAYS_SHOWN or any(step.verdicts.get(verdict) for step in result.steps)
    ]
    rows = [[result.unit, "sent", *map(_get_title, verdicts), "Linear issues", *stages]]
    for step in result.steps:
        counts = [f"{step.verdicts.get(verdict, 0)}" for verdict in verdicts]
        cells = [_format_stage(step, name) for name in stages]
        rows.append(
            [
                f"{step.load:g} {step.phase}".rstrip(),
                f"{step.sent}",
                *counts,
                _format_issues(step),
                *cells,
            ]
        )
    return _align_columns(rows)


def _format_stage(step: LoadStep, stage: str) -> str:
    """Format share and rate of the events in time, and the p95 of those that showed the stage."""
    p95 = step.quantiles.get(stage, {}).get("p95")
    shown = f" p95 {p95.value:.3f}s" if p95 and p95.value is not None else ""
    return f"{step.shares[stage]:.1%} {step.rates[stage]:.1f}/s{shown}"


def _get_title(verdict: str) -> str:
    return _VERDICT_TITLES.get(verdict, verdict)


def _format_issues(step: LoadStep) -> str:
    """Format the number of events by the number of Linear issues they opened."""
    if not step.issues:
        return "not observed"
    unknown = step.sent - sum(step.issues.values())
    counts = {count.value: step.issues.get(count, 0) for count in IssueCount} | {"unknown": unknown}
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def _format_measures(measures: Sequence[Measure]) -> list[str]:
    rows = [["", "measured", "target", ""]]
    for measure in measures:
        value = "not measured" if measure.value is None else _format_value(measure)
        sign = SIGNS[measure.at_most, measure.exclusive]
        target = "" if measure.target is None else f"{sign}{measure.target:.4g}"
        outcome = {True: "met", False: "NOT MET", None: ""}[measure.is_met]
        rows.append([measure.name, value, target, outcome])
    return _align_columns(rows)


def _format_value(measure: Measure) -> str:
    """Format a value, with its interval if it has one."""
    if measure.low is None and measure.high is None:
        return f"{measure.value:.4g}"
    low, high = ("?" if bound is None else f"{bound:.4g}" for bound in (measure.low, measure.high))
    return f"{measure.value:.4g} ({low} to {high})"


def _align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
