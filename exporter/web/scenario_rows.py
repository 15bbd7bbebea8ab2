"""Rows of the load scenarios: the newest run of each, its verdict and why. Pure."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.loadtest.result import ScenarioResult, ScenarioState, ScenarioVerdict
from exporter.report.criteria import describe_measure

_TITLES: Mapping[ScenarioVerdict, str] = {
    ScenarioVerdict.MET: "All its targets were met.",
    ScenarioVerdict.MISSED: "A target was missed.",
    ScenarioVerdict.NO_TARGET: "It has no target, or none could be judged.",
    ScenarioVerdict.INVALID: "The prober was the bottleneck; the numbers are not of agent-sre.",
    ScenarioVerdict.PARTIAL: "It was stopped before its end, and has no result.",
}
_STYLES: Mapping[ScenarioVerdict, str] = {
    ScenarioVerdict.MET: "ok",
    ScenarioVerdict.MISSED: "bad",
    ScenarioVerdict.NO_TARGET: "unknown",
    ScenarioVerdict.INVALID: "odd",
    ScenarioVerdict.PARTIAL: "unknown",
}


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """Newest run of a scenario.

    Attributes:
        name: the scenario.
        verdict: verdict in a word.
        style: style of the verdict.
        explanation: verdict in a sentence.
        reasons: why; the reasons against it first.
        started_at: wall clock seconds; None if it was never run.
        seconds: how long it took; None while it runs.
        events: number of events sent.
        report: link to its report; empty where this process has none.
        result: link to its result file; empty where this process has none.
    """

    name: str
    verdict: str
    style: str
    explanation: str
    reasons: Sequence[str] = ()
    started_at: float | None = None
    seconds: float | None = None
    events: int = 0
    report: str = ""
    result: str = ""


def build_scenario_rows(
    latest: Mapping[str, ScenarioResult | None], has_document: Callable[[str], bool]
) -> list[ScenarioRow]:
    """Build the rows.

    Args:
        latest: the newest run of each scenario; None for one that was never run.
        has_document: returns whether there is a result file of a run.
    """
    rows = []
    for name, result in sorted(latest.items()):
        if result is None:
            text = f"Start it with slo-probe scenario {name} --at URL."
            rows.append(ScenarioRow(name, "not run", "unknown", text))
        else:
            rows.append(_build_row(result, has_document=has_document(result.id)))
    return rows


def _build_row(result: ScenarioResult, *, has_document: bool) -> ScenarioRow:
    is_running = result.state is ScenarioState.RUNNING
    explanation = "It is running." if is_running else _TITLES[result.verdict]
    path = f"/-/scenario/{{}}/{result.id}"
    return ScenarioRow(
        result.scenario,
        "running" if is_running else result.verdict.value,
        "unknown" if is_running else _STYLES[result.verdict],
        explanation,
        _list_reasons(result),
        result.started_at,
        None if result.ended_at is None else result.ended_at - result.started_at,
        result.events,
        path.format("report") if has_document else "",
        path.format("result") if has_document else "",
    )


def _list_reasons(result: ScenarioResult) -> list[str]:
    """List what led to the verdict: invalid numbers, the stop, missed targets, met targets."""
    reasons = [reason.text for reason in result.invalid]
    if result.reason is not None:
        reasons.append(f"stopped: {result.reason.value.replace('_', ' ')}")
    judged = [measure for measure in result.measures if measure.is_met is not None]
    for measure in sorted(judged, key=lambda each: each.is_met is True):
        text = describe_measure(dataclasses.asdict(measure))
        reasons.append(f"{'met' if measure.is_met else 'missed'}: {text}")
    return reasons
