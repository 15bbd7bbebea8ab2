"""Rising rate up to the breaking point, and the same rates on the way down.

Each step is a tenth above the one before, until the p95 of the end-to-end time exceeds its target,
or too many events are lost. The breaking point is between the last rate that held and the first
that did not. Then the rate falls by a fifth, to prove that agent-sre recovers, and a rate of the
way up is sent once more: if it is slower than before, the overload left something behind.
"""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import Any

from pydantic import Field, model_validator

from exporter.fields import DurationField, Section, Share, in_unit
from exporter.loadtest.quantiles import measure_significance
from exporter.loadtest.result import LoadStep
from exporter.loadtest.result_file import StepRecord
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.stats import list_limits
from slos.schema.contract import Stage, Verdict
from slos.schema.units import Duration

_RECOVERY_SHARE = 0.8
_NOTABLE_SHARE = 0.01
"""Share of the events from which a kind of failure is named."""
_LEVEL = 0.01
_EFFECT = 0.1
_END = Stage.END_TO_END.value
_REFUSED = (Verdict.REJECTED, Verdict.UNREACHABLE)
_KINDS = {
    "silent loss": (Verdict.LOST,),
    "refusal": _REFUSED,
    "hanging": (Verdict.TIMEOUT,),
    "wrong execution": (Verdict.DUPLICATED, Verdict.CORRUPTED),
}
"""Kinds of failure, by the verdicts that show them."""


class RampUpSettings(Section):
    """Rising rate of the scenario stress."""

    start: float = Field(default=10.0, gt=0, le=500, json_schema_extra=in_unit("events per second"))
    """First rate. Default 10 events a second."""
    growth: Share = Decimal("0.1")
    """Growth from one step to the next. Default 10%."""
    highest: float = Field(
        default=150.0, gt=0, le=500, json_schema_extra=in_unit("events per second")
    )
    """Highest rate. Default 150 events a second, above what five processes handle."""
    hold: DurationField = Duration.from_parts(seconds=10)
    """Duration of a step. Default 10s: the health check of agent-sre hides a queue for 5 s."""
    max_loss: Share = Decimal("0.05")
    """Share of the events of a step that may be lost. Default 5%."""

    @model_validator(mode="after")
    def _check_rates(self) -> "RampUpSettings":
        if self.highest < self.start:
            raise ValueError(
                f"highest {self.highest:g} is below start {self.start:g}; raise highest"
            )
        if self.growth < Decimal("0.01"):
            raise ValueError(f"growth {self.growth} is below 1%; for example 10%")
        return self

    def list_rates(self) -> list[float]:
        """List the rates of the way up."""
        rates, factor = [self.start], 1 + float(self.growth)
        while rates[-1] * factor <= self.highest:
            rates.append(rates[-1] * factor)
        return rates

    def list_offsets(self, rate: float) -> list[float]:
        """List the offsets of the events of a step, in seconds."""
        return [number / rate for number in range(max(1, round(rate * float(self.hold.seconds))))]

    def count_max_events(self) -> int:
        """Count the events of the way up, and of the two steps after the last."""
        rates = self.list_rates()
        return sum(len(self.list_offsets(rate)) for rate in (*rates, rates[-1], rates[-1]))


@dataclass(frozen=True, slots=True)
class BreakingPoint:
    """Breaking point of a rising rate; None where it was not reached, or not measured.

    Attributes:
        held: highest rate that held.
        broken: first rate that did not hold.
        has_recovered: whether a rate a fifth lower held.
        kind: how it degrades, in words.
        hysteresis: the same rate on the way up and down.
    """

    held: float | None
    broken: float | None
    has_recovered: bool | None
    kind: str
    hysteresis: dict[str, Any] | None


async def find_breaking_point(
    settings: RampUpSettings, scenario_run: ScenarioRun, rest: Duration
) -> BreakingPoint:
    """Raise the rate up to the breaking point, and lower it again.

    Raises:
        StoppedError: the run was stopped before its end.
    """
    limits = list_limits(scenario_run.context.targets, [Stage.END_TO_END])
    limit, max_loss = limits[Stage.END_TO_END], float(settings.max_loss)
    held: list[StepRecord] = []
    for rate in settings.list_rates():
        await scenario_run.wait(rest)
        record = await _send_rate(scenario_run, settings, rate, phase="up")
        if not holds(record.step, limit, max_loss):
            break
        held.append(record)
    else:
        return BreakingPoint(held[-1].step.load, None, None, "no degradation was reached", None)
    await scenario_run.wait(rest)
    lower = await _send_rate(scenario_run, settings, _RECOVERY_SHARE * rate, phase="recovery")
    again = None
    before = [each for each in held if each.step.load <= _RECOVERY_SHARE * rate]
    if before:
        await scenario_run.wait(rest)
        down = await _send_rate(scenario_run, settings, before[-1].step.load, phase="down")
        again = compare_directions(before[-1], down)
    return BreakingPoint(
        held[-1].step.load if held else None,
        rate,
        holds(lower.step, limit, max_loss),
        describe_degradation(record.step, limit),
        again,
    )


async def _send_rate(
    scenario_run: ScenarioRun, settings: RampUpSettings, rate: float, *, phase: str
) -> StepRecord:
    offsets = settings.list_offsets(rate)
    limits = list_limits(scenario_run.context.targets, [Stage.END_TO_END])
    duration = len(offsets) / rate
    return await scenario_run.send_step(
        round(rate, 3), offsets, limits, duration=duration, phase=phase
    )


def holds(step: LoadStep, limit: float, max_loss: float) -> bool:
    """Return whether a step held: few events lost, and the p95 within its target."""
    p95 = _get_p95(step)
    return step.lost_share <= max_loss and p95 is not None and p95 <= limit


def describe_degradation(step: LoadStep, limit: float) -> str:
    """Describe in words how a step failed: each kind with its share of the events."""
    verdicts = Counter(step.verdicts)
    shares = {
        kind: sum(verdicts[verdict] for verdict in each) / step.sent
        for kind, each in _KINDS.items()
    }
    words = [
        f"{kind} ({share:.0%} of the events)"
        for kind, share in sorted(shares.items(), key=lambda each: -each[1])
        if share >= _NOTABLE_SHARE
    ]
    p95 = _get_p95(step)
    if p95 is not None and (p95 > limit or verdicts[Verdict.LATE]):
        target = "" if limit == inf else f", target {limit:g} s"
        words.append(f"queueing (p95 {p95:.2f} s{target})")
    return ", ".join(words) or "none of the known kinds"


def compare_directions(up: StepRecord, down: StepRecord) -> dict[str, Any]:
    """Compare the same rate on the way up and down."""
    first, second = _list_times(up), _list_times(down)
    before, after = _get_p95(up.step), _get_p95(down.step)
    p = measure_significance(first, second, 0.95) if first and second else None
    is_slower = (
        p is not None
        and p < _LEVEL
        and before is not None
        and after is not None
        and after > (1 + _EFFECT) * before
    )
    loses_more = down.step.lost_share > up.step.lost_share + _NOTABLE_SHARE
    return {
        "rate": up.step.load,
        "p95_up": before,
        "p95_down": after,
        "p": p,
        "lost_up": up.step.lost_share,
        "lost_down": down.step.lost_share,
        "is_found": is_slower or loses_more,
    }


def _list_times(record: StepRecord) -> list[float]:
    stages = [run.stages for run in record.sent.runs]
    return [each[Stage.END_TO_END].high for each in stages if Stage.END_TO_END in each]


def _get_p95(step: LoadStep) -> float | None:
    estimate = step.quantiles.get(_END, {}).get("p95")
    return estimate.value if estimate else None
