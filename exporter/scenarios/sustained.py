"""Sustained: the normal load of a day, and whether anything degrades (VAL-008, Scenario 4).

The load is sent without a pause, in blocks. Each block has one rate and one kind of arrivals, and
the blocks alternate over all pairs: even arrivals show the service time, Poisson arrivals the queue
that real alerts form. Two rates tell growth per event from growth per time: with one rate, events
and time are the same axis.

Degradation is a rise of the p50 or the p95 over the run that is significant (Mann-Kendall with the
variance of Hamed and Rao, p below 1%) and above `rise`. A block is compared with blocks of its own
kind. Leaks are those of the leak detector, over the processes of the target on this machine; of a
target elsewhere the leak probe judges them from Prometheus.

`--compress N` sends the same plan N times faster: all times of the plan are divided by N, and the
detector of leaks reads the times as planned. `details` has `trend` and `leaks`.
"""

import random
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from exporter.fields import DurationField, Share, in_unit
from exporter.loadtest.arrivals import ArrivalPlan, ArrivalStep, schedule_steps
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.result import Measure, ScenarioResult
from exporter.loadtest.run import ScenarioRun, StepPlan
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stats import list_limits
from slos.schema.contract import THROUGHPUT, Stage
from slos.schema.extras import describe_missing, is_missing
from slos.schema.units import Duration

SCENARIO = "sustained"
NEEDS_PROMETHEUS = False
UNIT = "events an hour"
PER_HOUR = "events_per_hour"
_HOUR = 3600.0
_MAX_RATE = 100_000
_QUANTILES = ("p50", "p95")


class Settings(LoadSettings):
    """Settings of the scenario sustained."""

    duration: DurationField = Duration.from_parts(hours=24)
    """Duration of the load. Default 24h, as VAL-008 requires."""
    block: DurationField = Duration.from_parts(minutes=30)
    """Duration of a block of one rate and one kind of arrivals. Default 30m. After a restart of the
    prober, the block that was cut off is sent anew."""
    rates: list[int] = Field(
        default=[1100, 2200], min_length=1, json_schema_extra=in_unit("events per hour")
    )
    """Rates, which alternate. Default 1100 and 2200: above the 1000 of VAL-008, and twice as much,
    so that growth per event is told from growth per time."""
    arrivals: list[Literal["even", "poisson"]] = Field(default=["even", "poisson"], min_length=1)
    """Kinds of arrivals, which alternate. Default even and poisson."""
    seed: int = Field(default=1, ge=0, json_schema_extra=in_unit("seed"))
    """Seed of the Poisson arrivals: the same seed gives the same load. Default 1."""
    target: int = Field(default=1000, ge=1, json_schema_extra=in_unit("events per hour"))
    """Events per hour that must be executed exactly once, in every block. Default 1000."""
    least: Share = Decimal("0.995")
    """Share of all events that must be executed exactly once. Default 99.5%, the objective of
    availability."""
    rise: Share = Decimal("0.1")
    """Rise of the latency over the run above which it is degraded, where it is significant. Default
    10%."""

    @model_validator(mode="after")
    def _check_plan(self) -> "Settings":
        if not all(1 <= rate <= _MAX_RATE for rate in self.rates):
            raise ValueError(
                f"rates {self.rates} must be from 1 to {_MAX_RATE:,}; for example [1100, 2200]"
            )
        if self.duration < self.block:
            raise ValueError(
                f"duration {self.duration} is shorter than a block of {self.block}; "
                "lower block, or raise duration"
            )
        return self

    def count_max_events(self) -> int:
        """Count the events of all blocks, and the one before."""
        return 1 + sum(len(step.offsets) for step in self.plan_steps(1.0))

    def count_events_per_hour(self) -> int:
        """Count the most events of an hour."""
        return max(self.rates)

    def estimate_duration(self) -> float:
        """Return the duration of the load in seconds."""
        return float(self.duration.seconds)

    def plan_arrivals(self) -> ArrivalPlan:
        """Plan the blocks, one after the other; an engine sends even arrivals only."""
        length, blocks = float(self.block.seconds), int(self.duration.ms // self.block.ms)
        rates = [self.rates[number % len(self.rates)] for number in range(blocks)]
        steps = [ArrivalStep(rate / _HOUR, length, f"even {rate}") for rate in rates]
        return ArrivalPlan(schedule_steps(steps, pause=0.0), self.least)

    def plan_steps(self, compress: float) -> list[StepPlan]:
        """Plan the blocks, all times divided by a factor."""
        rng, length = random.Random(self.seed), float(self.block.seconds)
        kinds = [(rate, arrivals) for rate in self.rates for arrivals in self.arrivals]
        blocks = int(self.duration.ms // self.block.ms)
        steps = []
        for number in range(blocks):
            rate, arrivals = kinds[number % len(kinds)]
            offsets = (
                _list_even_offsets(rate, length)
                if arrivals == "even"
                else _list_poisson_offsets(rate, length, rng)
            )
            steps.append(
                StepPlan(
                    rate,
                    [offset / compress for offset in offsets],
                    length / compress,
                    f"{arrivals} {rate}",
                )
            )
        return steps


def _list_even_offsets(rate: int, length: float) -> list[float]:
    return [number * _HOUR / rate for number in range(max(1, int(rate * length / _HOUR)))]


def _list_poisson_offsets(rate: int, length: float, rng: random.Random) -> list[float]:
    offsets, offset = [], rng.expovariate(rate / _HOUR)
    while offset < length:
        offsets.append(offset)
        offset += rng.expovariate(rate / _HOUR)
    return offsets


async def run_scenario(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Send all blocks; then test for degradation and leaks."""
    compress = scenario_run.controls.compress
    plan = [step for step in settings.plan_steps(compress) if step.offsets]
    limits = list_limits(scenario_run.context.targets, [Stage.END_TO_END])
    await scenario_run.send_steps(plan, limits)
    await scenario_run.count_issues()
    scenario_run.update(measures=tuple(_list_load_measures(settings, scenario_run)))
    if is_missing("leak"):
        scenario_run.add_note(describe_missing("the test for degradation and leaks", "leak"))
        return
    _judge_trends(settings, scenario_run)


def list_samples(results: Sequence[ScenarioResult]) -> Iterable[ScenarioSample]:
    """List the lowest events a second of all blocks of the last run."""
    per_hour = results[0].get_value(PER_HOUR)
    if per_hour is not None:
        labels = {"stage": Stage.END_TO_END.value}
        yield ScenarioSample(THROUGHPUT, per_hour / _HOUR, labels)


def _list_load_measures(settings: Settings, scenario_run: ScenarioRun) -> Iterable[Measure]:
    records = scenario_run.records
    # The number of Poisson arrivals differs by chance, so the share that was executed counts.
    sent = sum(record.step.sent for record in records)
    lost = sum(record.step.lost_share * record.step.sent for record in records)
    lowest = min((1 - record.step.lost_share) * record.step.load for record in records)
    yield Measure("executed_once", 1 - lost / sent, float(settings.least))
    yield Measure(PER_HOUR, lowest, settings.target, exclusive=True)


def _judge_trends(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Test the latency for a trend, and the processes of the target for leaks."""
    from exporter.loadtest import trends  # noqa: PLC0415 - it takes the extra `leak`

    compress, monitor = scenario_run.controls.compress, scenario_run.monitor
    steps = [(record.offset * compress / _HOUR, record.step) for record in scenario_run.records]
    found = {name: trends.measure_degradation(steps, quantile=name) for name in _QUANTILES}
    columns = monitor.to_series()["columns"]
    processes = monitor.list_processes()
    leaks: list[dict[str, Any]] = trends.find_leaks(
        processes,
        (columns["t"], columns["judged"]),
        interval=monitor.interval,
        compress=compress,
    )
    details: dict[str, Any] = {
        "trend": {name: trends.describe_trend(each) for name, each in found.items()}
    }
    measures = list(scenario_run.result.measures)
    for name, trend in found.items():
        if trend is None:
            scenario_run.add_note(
                f"the trend of the {name} takes {trends.MIN_STEPS} blocks or more"
            )
        else:
            degraded = trend.rise if trend.is_degraded(float(settings.rise)) else 0.0
            measures.append(
                Measure(
                    f"degradation_{name}",
                    degraded,
                    float(settings.rise),
                    low=trend.low,
                    high=trend.high,
                    at_most=True,
                )
            )
    judged = [leak for leak in leaks if leak["verdict"] != "insufficient"]
    if judged:
        measures.append(Measure("leaks", sum(leak["is_leak"] for leak in judged), 0, at_most=True))
    else:
        reasons = ", ".join(sorted({leak["reason"] for leak in leaks}))
        why = reasons or "no process of the target is on this machine"
        scenario_run.add_note(f"leaks are not measurable here: {why}; the leak probe judges them")
        details["not_measured"] = {"leaks": why}
    scenario_run.update(measures=tuple(measures), details={**details, "leaks": leaks})
