"""Results of k6 as result files of scenarios: summaries of its runners, and calls of the canary.

k6 knows the replies, and the canary which events were executed; neither knows single events of the
other, so there are counts and quantiles, and no samples. A quantile over all runners lies between
the lowest and the highest of theirs, and no closer bound is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from exporter.k6.measures import measure_run
from exporter.k6.plan import K6Plan
from exporter.loadtest.arrivals import ArrivalStep
from exporter.loadtest.histograms import decode_estimates
from exporter.loadtest.quantiles import QuantileEstimate
from exporter.loadtest.result import (
    InvalidReason,
    LoadStep,
    ScenarioResult,
    ScenarioState,
)
from exporter.loadtest.result_file import FORMAT, VERSION, ResultFileError
from exporter.loadtest.stop import StopReason
from slos.schema.contract import Stage, Verdict

Document = Mapping[str, Any]
_QUANTILES = {"p50": "med", "p95": "p(95)", "p99": "p(99)"}
_REPLY, _END = Stage.CLOUDEVENT_PROCESSING.value, Stage.END_TO_END.value


@dataclass(frozen=True, slots=True)
class _RunnerStep:
    """Step as one runner saw it; quantiles are seconds."""

    processed: int
    failed: int
    dropped: int
    quantiles: Mapping[str, float]
    longest: float


def build_engine_documents(
    summaries: Sequence[Document], calls: Sequence[Document]
) -> list[dict[str, Any]]:
    """Build a result file for the newest run of each scenario.

    Args:
        summaries: summaries of the runners.
        calls: calls of the canary, by run.

    Raises:
        ResultFileError: a summary cannot be read.
    """
    newest: dict[str, Document] = {}
    for summary in sorted(summaries, key=lambda each: each["ended_at"]):
        newest[summary["plan"]["scenario"]] = summary
    found = []
    for summary in newest.values():
        run = summary["plan"]["run"]
        of_run = {each["runner"]: each for each in summaries if each["plan"]["run"] == run}
        of_canary = next((each for each in calls if each["run"] == run), None)
        found.append(_build_document(list(of_run.values()), of_canary))
    return found


def _build_document(summaries: Sequence[Document], calls: Document | None) -> dict[str, Any]:
    try:
        plan = _parse_plan(summaries[0]["plan"])
        runners = [
            [_read_step(summary["metrics"], number) for number in range(len(plan.steps))]
            for summary in summaries
        ]
        ended_at = max(summary["ended_at"] for summary in summaries)
        started_at = min(summary["ended_at"] - summary["duration"] for summary in summaries)
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultFileError(
            f"a summary of k6 is damaged, or of another version of k6: {error!r}"
        ) from error
    of_canary = {each["step"]: each for each in calls["steps"]} if calls else None
    steps = [
        _merge_step(step, list(seen), None if of_canary is None else of_canary.get(number, {}))
        for number, (step, seen) in enumerate(
            zip(plan.steps, zip(*runners, strict=True), strict=True)
        )
    ]
    measures, not_measured = measure_run(plan, steps, has_canary=calls is not None)
    missing, crossed = plan.runners - len(summaries), _list_crossed(summaries)
    result = ScenarioResult(
        plan.run,
        f"{plan.scenario}-k6",
        ScenarioState.STOPPED if missing else ScenarioState.COMPLETED,
        started_at,
        ended_at,
        StopReason.CUT_OFF if missing else None,
        sum(step.sent for step in steps),
        "events a second",
        tuple(steps),
        tuple(measures),
        notes=tuple(_list_notes(plan, missing, crossed, has_canary=calls is not None)),
        invalid=tuple(_list_invalid([each for seen in runners for each in seen])),
        details={
            "engine": "k6",
            "runners": len(summaries),
            "thresholds": crossed,
            "not_measured": not_measured,
        },
    )
    return {
        "format": FORMAT,
        "version": VERSION,
        **result.to_json(),
        "steps": [_build_step(*each) for each in zip(steps, plan.steps, strict=True)],
        "settings": plan.settings,
        "limits": plan.limits,
        "environment": plan.environment,
        "series": {"interval": 0, "columns": {"t": [], "sent": [], "judged": [], "in_flight": []}},
        "processes": [],
        "marks": [],
    }


def _parse_plan(document: Document) -> K6Plan:
    steps = [ArrivalStep(**step) for step in document["steps"]]
    return K6Plan(**{**document, "steps": steps})


def _read_step(metrics: Document, number: int) -> _RunnerStep:
    """Read a step of one runner; a step without an event has no values."""
    tags = f"{{scenario:step_{number}}}"
    checks = metrics.get(f"checks{tags}", {"values": {}})["values"]
    dropped = metrics.get(f"dropped_iterations{tags}", {"values": {}})["values"]
    times = metrics.get(f"http_req_duration{tags}", {"values": {}})["values"]
    return _RunnerStep(
        int(checks.get("passes", 0)),
        int(checks.get("fails", 0)),
        int(dropped.get("count", 0)),
        {name: times[key] / 1000 for name, key in _QUANTILES.items() if key in times},
        times.get("max", 0.0) / 1000,
    )


def _merge_step(step: ArrivalStep, seen: Sequence[_RunnerStep], calls: Document | None) -> LoadStep:
    """Merge a step over all runners, with the calls of the canary if they are known."""
    processed, failed = sum(each.processed for each in seen), sum(each.failed for each in seen)
    sent = processed + failed
    shares = {_REPLY: processed / sent if sent else 0.0}
    longest = max(each.longest for each in seen)
    rates = {_REPLY: _divide(processed, step.duration + longest)}
    quantiles = {_REPLY: _merge_quantiles(seen, sent)}
    verdicts = {Verdict.UNKNOWN.value: sent}
    if calls is not None:
        once, twice = calls.get("executed_once", 0), calls.get("duplicated", 0)
        # Neither knows the other's events, so at least these have both.
        both = max(0, processed + once - sent)
        shares[_REPLY] = both / sent if sent else 0.0
        rates[_REPLY] = _divide(both, step.duration + longest)
        left = max(0, sent - once - twice)
        corrupted = min(calls.get("corrupted", 0), left)
        rejected = min(failed, left - corrupted)
        found = {
            Verdict.OK: once,
            Verdict.DUPLICATED: twice,
            Verdict.CORRUPTED: corrupted,
            Verdict.LOST: left - corrupted - rejected,
            Verdict.REJECTED: rejected,
        }
        verdicts = {verdict.value: count for verdict, count in found.items() if count}
        shares[_END] = once / sent if sent else 0.0
        estimates, slowest = decode_estimates(calls.get("end_to_end"))
        quantiles[_END] = estimates
        rates[_END] = _divide(once, step.duration + slowest)
    return LoadStep(step.rate, sent, verdicts, shares, rates, phase=step.phase, quantiles=quantiles)


def _divide(count: int, seconds: float) -> float:
    return count / seconds if seconds else 0.0


def _merge_quantiles(seen: Sequence[_RunnerStep], count: int) -> dict[str, QuantileEstimate]:
    """Enclose the quantiles over all runners; the highest of theirs is the cautious value."""
    merged = {}
    for name in _QUANTILES:
        known = [each.quantiles[name] for each in seen if name in each.quantiles]
        low, high = (min(known), max(known)) if known else (None, None)
        merged[name] = QuantileEstimate(high, low, high, count)
    return merged


def _list_notes(
    plan: K6Plan, missing: int, crossed: Sequence[Document], *, has_canary: bool
) -> Iterable[str]:
    yield (
        f"{plan.runners} runners of k6 sent the load; a quantile of the replies lies between the "
        "lowest and the highest of theirs"
    )
    if has_canary:
        yield (
            "end-to-end times are differences of two wall clocks: that of the runners, and that of "
            "the canary"
        )
    else:
        yield f"what was executed is not known without the calls of the canary for run {plan.run}"
    if missing:
        yield f"the summaries of {missing} runners are missing"
    for metric, threshold in sorted({(each["metric"], each["threshold"]) for each in crossed}):
        yield f"threshold crossed: {metric} {threshold}"


def _list_invalid(seen: Sequence[_RunnerStep]) -> Iterable[InvalidReason]:
    dropped = sum(each.dropped for each in seen)
    if dropped:
        text = f"k6 dropped {dropped:,} events, because no virtual user was free to send them"
        yield InvalidReason("missed", dropped, 0, text)


def _list_crossed(summaries: Sequence[Document]) -> list[dict[str, Any]]:
    """List the thresholds that a runner crossed."""
    return [
        {"runner": summary["runner"], "metric": metric, "threshold": threshold}
        for summary in summaries
        for metric, values in sorted(summary["metrics"].items())
        for threshold, outcome in values.get("thresholds", {}).items()
        if not outcome["ok"]
    ]


def _build_step(step: LoadStep, planned: ArrivalStep) -> dict[str, Any]:
    return {
        **asdict(step),
        "offset": planned.start,
        "duration": planned.duration,
        "ended": planned.start + planned.duration,
        "send_lag": {},
        "in_flight": 0,
        "prober_cpu": None,
        "histograms": {},
        "samples": {
            "id": [], "offset": [], "lag": [], "verdict": [], "reason": [],
            "stages": {}, "sources": {},
        },
    }  # fmt: skip
