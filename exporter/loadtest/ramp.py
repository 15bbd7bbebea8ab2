"""Ramping arrival rate: open-loop steps of rising constant rates, shared by scenarios."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field, model_validator

from exporter.fields import DurationField, Share, in_unit
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stats import SentEvents, find_highest_rate, measure_step
from slos.schema.contract import Stage
from slos.schema.units import Duration

_MAX_RATE = 500
"""Events a second; a prober can reliably send this many in time."""


class RampSettings(LoadSettings):
    """Settings of a load whose rate rises in steps."""

    rates: list[int] = Field(
        default=[10], min_length=1, json_schema_extra=in_unit("events per second")
    )
    """Events per second, one step each, ascending. Steps above the target show whether it is met
    with a margin."""
    hold: DurationField = Duration.from_parts(seconds=10)
    """Duration of a step. Default 10s: agent-sre has a health check timeout of 5 s, which hides a
    growing queue for that long."""
    share: Share = Decimal("0.99")
    """Share of a step's events that must complete the stage in time for its rate to count. Default
    99%."""

    @model_validator(mode="after")
    def _check_rising(self) -> "RampSettings":
        if (
            sorted(set(self.rates)) != self.rates
            or not 1 <= min(self.rates) <= max(self.rates) <= _MAX_RATE
        ):
            raise ValueError(
                f"rates {self.rates} must be ascending, from 1 to {_MAX_RATE}; "
                "for example [10, 50, 110]"
            )
        return self

    def count_max_events(self) -> int:
        """Count the events of all steps, and the one event before."""
        return 1 + sum(len(self.list_offsets(rate)) for rate in self.rates)

    def list_offsets(self, rate: int) -> list[float]:
        """List the offsets of the events of a step from its first, in seconds."""
        return [number / rate for number in range(max(round(rate * float(self.hold.seconds)), 1))]


@dataclass(frozen=True, slots=True)
class RampResult:
    """Steps that were sent.

    Attributes:
        sent: the events of each step.
    """

    sent: tuple[SentEvents, ...]

    def find_highest_rate(self, stage: Stage, limit: float, *, share: float) -> float:
        """Find the highest rate at which enough events completed a stage in time."""
        return find_highest_rate(
            (measure_step(events, {stage: limit}) for events in self.sent), stage, share=share
        )

    def list_notes(self, limits: Mapping[Stage, float], *, share: float) -> list[str]:
        """Note the stages whose throughput may be higher, because they held the last rate."""
        shares = measure_step(self.sent[-1], limits).shares
        held = [stage.value for stage in limits if shares[stage.value] >= share]
        if not held:
            return []
        return [f"the highest rate was held, so throughput may be higher: {', '.join(held)}"]


async def send_ramp(
    scenario_run: ScenarioRun, settings: RampSettings, limits: Mapping[Stage, float]
) -> RampResult:
    """Send one step after the other, until a rate is too high for every stage.

    Each step starts when every event of the one before has its verdict, so that steps do not affect
    each other.

    Raises:
        StoppedError: the run was stopped before the end.
    """
    sent: list[SentEvents] = []
    share = float(settings.share)
    for rate in settings.rates:
        if sent:
            await scenario_run.wait(settings.rest)
        offsets = settings.list_offsets(rate)
        record = await scenario_run.send_step(
            rate, offsets, limits, duration=len(offsets) / rate, phase="up"
        )
        sent.append(record.sent)
        step = record.step
        if all(step.shares[stage.value] < share for stage in limits):
            break
    return RampResult(tuple(sent))
