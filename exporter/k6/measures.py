"""Measures of a run of k6, in the names of the scenario, and why the others are missing. Pure.

A reply alone proves nothing, since agent-sre answers 200 to events that it does not execute. So a
target is met only with the calls of the canary. Without them the rate of the replies is an upper
bound, which can show that a target is missed.
"""

from collections.abc import Iterable, Mapping, Sequence

from exporter.k6.plan import K6Plan
from exporter.loadtest.quantiles import QuantileEstimate
from exporter.loadtest.result import LoadStep, Measure
from exporter.loadtest.stats import fit_growth_exponent
from slos.schema.contract import Stage, Verdict

_REPLY, _END = Stage.CLOUDEVENT_PROCESSING.value, Stage.END_TO_END.value
_INSIDE_END = (Stage.REMEDIATION_SELECTION.value, Stage.LAMBDA_EXECUTION.value)
"""Stages within the end-to-end time; it is their upper bound."""
_HOUR = 3600.0
_ONLY_REPLIES = "a reply alone proves nothing, and the calls of the canary are missing"
_REASONS: Mapping[str, Mapping[str, str]] = {
    "baseline": {
        "linear_issue_creation": "neither k6 nor the canary sees issues",
        "verification": "neither k6 nor the canary sees it",
    },
    "throughput": {"linear_issue_creation": "neither k6 nor the canary sees issues"},
    "concurrent": {"deadlocks": "k6 does not tell an event that hangs from a lost one"},
    "sustained": {"leaks": "k6 does not read the processes of the target; the leak probe does"},
    "stress": {"held_level": "k6 sent rates, and no events at once"},
}


def measure_run(
    plan: K6Plan, steps: Sequence[LoadStep], *, has_canary: bool
) -> tuple[list[Measure], dict[str, str]]:
    """Measure a run; return the measures, and the reason for each that is missing."""
    missing = dict(_REASONS.get(plan.scenario, {}))
    if plan.scenario == "baseline":
        measures = list(_list_latencies(plan, steps[0], has_canary=has_canary))
        wanted = list(plan.limits)
    else:
        measures = list(_list_rates(plan, steps, has_canary=has_canary))
        wanted = list(plan.settings.get("targets") or {})
    if has_canary:
        measures += _list_counts(plan, steps)
        measures += _list_scenario_measures(plan, steps)
    else:
        wanted += ["executed_once", "cross_talk", "executed_twice", "events_per_hour"]
        wanted += [f"executed_once_of_{step.load:g}" for step in steps]
        wanted.append("growth_exponent")
    judged = {measure.name for measure in measures if measure.is_met is not None}
    why = "the end-to-end time, which holds it, is above its target" if has_canary else ""
    missing |= {
        name: why or _ONLY_REPLIES for name in wanted if name not in judged and name not in missing
    }
    return measures, missing


def _list_rates(plan: K6Plan, steps: Sequence[LoadStep], *, has_canary: bool) -> Iterable[Measure]:
    """List the highest rates that were held, as the scenario throughput does."""
    targets = plan.settings.get("targets") or {}
    value = _find_highest_rate(plan, steps, _REPLY, _REPLY)
    target = targets.get(_REPLY)
    is_proof = has_canary or (target is not None and value <= target)
    yield Measure(_REPLY, value, target if is_proof else None, exclusive=True)
    if not has_canary:
        return
    yield Measure(_END, _find_highest_rate(plan, steps, _END, _END), targets.get(_END))
    # A step that was too slow as a whole may have held a stage.
    highest = _find_highest_rate(plan, steps, _END, "")
    for stage in _INSIDE_END:
        rate = _find_highest_rate(plan, steps, _END, stage)
        if stage in targets and (rate > targets[stage] or highest <= targets[stage]):
            yield Measure(stage, rate, targets[stage], exclusive=True)


def _find_highest_rate(plan: K6Plan, steps: Sequence[LoadStep], seen: str, stage: str) -> float:
    """Find the highest rate of the steps whose p95, as it was seen, is below a stage's limit."""
    limit = plan.limits.get(stage)
    held = [step for step in steps if step.shares[seen] >= plan.least]
    rates = [step.rates[seen] for step in held if _is_in_time(_get_p95(step, seen), limit)]
    return max(rates, default=0.0)


def _is_in_time(p95: QuantileEstimate | None, limit: float | None) -> bool:
    return limit is None or (p95 is not None and p95.value is not None and p95.value < limit)


def _get_p95(step: LoadStep, stage: str) -> QuantileEstimate | None:
    return step.quantiles.get(stage, {}).get("p95")


def _list_latencies(plan: K6Plan, step: LoadStep, *, has_canary: bool) -> Iterable[Measure]:
    """List the p95 of the stages, as the scenario baseline does."""
    for stage, limit in plan.limits.items():
        seen = _REPLY if stage == _REPLY else _END
        p95 = _get_p95(step, seen) if stage in {_REPLY, _END, *_INSIDE_END} else None
        if p95 is None or p95.value is None:
            continue
        is_missed = p95.value >= limit
        if stage in _INSIDE_END:
            if is_missed:
                continue
            p95 = QuantileEstimate(p95.value, 0.0, p95.high, p95.count)
        target = limit if has_canary or is_missed else None
        yield Measure(
            stage, p95.value, target, exclusive=True, low=p95.low, high=p95.high, at_most=True
        )


def _list_counts(plan: K6Plan, steps: Sequence[LoadStep]) -> Iterable[Measure]:
    yield Measure("executed_once", _share_executed(steps), plan.least)
    for name, verdict in (
        ("cross_talk", Verdict.CORRUPTED),
        ("executed_twice", Verdict.DUPLICATED),
    ):
        count = sum(step.verdicts.get(verdict.value, 0) for step in steps)
        yield Measure(name, count, 0, at_most=True)


def _share_executed(steps: Sequence[LoadStep]) -> float:
    sent = sum(step.sent for step in steps)
    once = sum(step.verdicts.get(Verdict.OK.value, 0) for step in steps)
    return once / sent if sent else 0.0


def _list_scenario_measures(plan: K6Plan, steps: Sequence[LoadStep]) -> Iterable[Measure]:
    """List the measures that only one scenario has."""
    if plan.scenario == "sustained":
        compress = float(plan.environment.get("compress", 1))
        lowest = min(_share_executed([step]) * step.load * _HOUR / compress for step in steps)
        yield Measure("events_per_hour", lowest, plan.settings["target"], exclusive=True)
    if plan.scenario == "concurrent":
        for size in sorted({step.load for step in steps}):
            share = _share_executed([step for step in steps if step.load == size])
            yield Measure(f"executed_once_of_{size:g}", share, plan.least)
        points = [(step.load, p95.value) for step in steps if (p95 := _get_p95(step, _END))]
        exponent = fit_growth_exponent(points)
        if exponent is not None:
            yield Measure("growth_exponent", exponent, plan.settings["steepest"], at_most=True)
