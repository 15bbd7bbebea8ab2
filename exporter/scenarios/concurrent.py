"""Concurrent: several events at the same moment, repeated (VAL-008, AC4 and Scenario 3).

Every size is sent several times, in rounds. Each event must be executed exactly once, with its own
parameters and its own reply: a `corrupted` event is cross-talk, a `duplicated` one was executed
twice, and one that was accepted and hangs until its timeout is a deadlock.

Degradation is graceful if the p95 grows at most in proportion to `size ** steepest`, and no events
are lost. The exponent is the slope of the p95 over the size on logarithmic scales, least squares
over all bursts; 1 is a queue in front of a constant capacity. `details.curve` has the p95 of each
size over all rounds, with its interval, and the events a second.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from pydantic import Field, model_validator

from exporter.fields import Share, in_unit
from exporter.loadtest.arrivals import ArrivalPlan, ArrivalStep, schedule_steps
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.quantiles import QuantileEstimate
from exporter.loadtest.result import Measure, ScenarioResult
from exporter.loadtest.result_file import StepRecord
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stats import estimate_latencies, fit_growth_exponent, list_limits
from exporter.model.run import Run
from exporter.model.verdict import Reason
from slos.schema.contract import CONCURRENCY_COMPLETED, Stage, Verdict

SCENARIO = "concurrent"
NEEDS_PROMETHEUS = False
UNIT = "events at once"
_MAX_SIZE = 1000
_EXECUTED_ONCE = frozenset({Verdict.OK, Verdict.LATE})


class Settings(LoadSettings):
    """Settings of the scenario concurrent."""

    sizes: list[int] = Field(
        default=[10, 50, 100], min_length=1, json_schema_extra=in_unit("events at once")
    )
    """Numbers of simultaneous events, ascending. Default 10, 50 and 100, as VAL-008 requires."""
    rounds: int = Field(default=5, ge=1, le=1000, json_schema_extra=in_unit("rounds"))
    """Times that every size is sent. Default 5: a race does not show in every burst."""
    least: Share = Decimal(1)
    """Share of the events of a size that must be executed exactly once. Default 100%."""
    steepest: float = Field(default=1.5, gt=0, le=10)
    """Highest exponent of the growth of the p95 with the size that is graceful. Default 1.5; 1 is a
    queue in front of a constant capacity."""

    @model_validator(mode="after")
    def _check_sizes(self) -> "Settings":
        sizes = self.sizes
        if sorted(set(sizes)) != sizes or not 1 <= min(sizes) <= max(sizes) <= _MAX_SIZE:
            raise ValueError(
                f"sizes {sizes} must be ascending, from 1 to {_MAX_SIZE}; for example [10, 50, 100]"
            )
        return self

    def count_max_events(self) -> int:
        """Count the events of all bursts, and the one before."""
        return 1 + self.rounds * sum(self.sizes)

    def plan_arrivals(self) -> ArrivalPlan:
        """Plan the bursts of all rounds."""
        bursts = [
            ArrivalStep(size, 0.0, f"round {number}", repeat=1)
            for number in range(1, self.rounds + 1)
            for size in self.sizes
        ]
        return ArrivalPlan(schedule_steps(bursts, pause=self.step_pause), self.least)


async def run_scenario(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Send every size once a round; then compare the sizes."""
    limits = list_limits(scenario_run.context.targets, [Stage.END_TO_END])
    records: list[StepRecord] = []
    for number in range(1, settings.rounds + 1):
        for size in settings.sizes:
            if records:
                await scenario_run.wait(settings.rest)
            records.append(
                await scenario_run.send_step(size, [0.0] * size, limits, phase=f"round {number}")
            )
    by_size = {
        size: [record for record in records if record.step.load == size] for size in settings.sizes
    }
    curve = [_measure_size(size, found) for size, found in by_size.items()]
    exponent = fit_growth_exponent(
        [(record.step.load, _get_p95(record).value) for record in records]
    )
    scenario_run.update(
        details={"curve": curve, "exponent": exponent},
        measures=tuple(_list_measures(settings, records, curve, exponent)),
    )
    if exponent is None:
        scenario_run.add_note("the growth of the p95 with the size takes two sizes or more")


def list_samples(results: Sequence[ScenarioResult]) -> Iterable[ScenarioSample]:
    """List the share of each size that was executed exactly once in the last run."""
    for entry in results[0].details.get("curve", ()):
        yield ScenarioSample(
            CONCURRENCY_COMPLETED, entry["executed_once"], {"level": f"{entry['size']}"}
        )


def _measure_size(size: int, records: Sequence[StepRecord]) -> dict[str, Any]:
    runs = [run for record in records for run in record.sent.runs]
    known = [run for run in runs if run.verdict is not Verdict.UNKNOWN]
    once = sum(run.verdict in _EXECUTED_ONCE for run in known)
    quantiles = estimate_latencies(runs).get(Stage.END_TO_END.value, {})
    rates = [record.step.rates[Stage.END_TO_END] for record in records]
    return {
        "size": size,
        "rounds": len(records),
        "events": len(runs),
        "executed_once": once / len(known) if known else 0.0,
        "quantiles": {name: asdict(estimate) for name, estimate in quantiles.items()},
        "events_per_second": sum(rates) / len(rates),
        "reasons": dict(Counter(run.reason.value for run in runs)),
    }


def _get_p95(record: StepRecord) -> QuantileEstimate:
    estimates = record.step.quantiles.get(Stage.END_TO_END.value, {})
    return estimates.get("p95", QuantileEstimate(None, None, None, 0))


def _list_measures(
    settings: Settings,
    records: Sequence[StepRecord],
    curve: Sequence[dict[str, Any]],
    exponent: float | None,
) -> Iterable[Measure]:
    runs = [run for record in records for run in record.sent.runs]
    for entry in curve:
        name = f"executed_once_of_{entry['size']}"
        yield Measure(name, entry["executed_once"], float(settings.least))
    crossed = sum(run.verdict is Verdict.CORRUPTED for run in runs)
    twice = sum(run.verdict is Verdict.DUPLICATED for run in runs)
    yield Measure("cross_talk", crossed, 0, at_most=True)
    yield Measure("executed_twice", twice, 0, at_most=True)
    yield Measure("deadlocks", sum(map(_hangs, runs)), 0, at_most=True)
    if exponent is not None:
        yield Measure("growth_exponent", exponent, settings.steepest, at_most=True)


def _hangs(run: Run) -> bool:
    """Return whether an event hung; one whose connection broke did not."""
    return run.verdict is Verdict.TIMEOUT and run.reason is not Reason.REPLY_LOST_BUT_EXECUTED
