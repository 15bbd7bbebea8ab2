"""Ramping arrival rate: open-loop steps of rising constant rates, shared by scenarios."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field, model_validator

from exporter.fields import Length, Share
from exporter.loadtest.run import Trial
from exporter.loadtest.settings import Load
from exporter.loadtest.stats import Sent, highest, measured
from slos.schema.contract import Stage
from slos.schema.units import Duration

_FASTEST = 500
"""Events a second; a prober can reliably send this many in time."""


class Plateaus(Load):
    """Settings of a load whose rate rises in steps."""

    rates: list[int] = Field(default=[10], min_length=1)
    """Events a second, one step each, rising. What is above the promise shows whether it holds."""
    hold: Length = Duration.of(seconds=10)
    """How long a step is sent. Default 10s: longer than a queue of the health check's 5 s hides
    that agent-sre falls behind."""
    share: Share = Decimal("0.99")
    """Share of a step's events that must be through in time for its rate to count. Default 99%."""

    @model_validator(mode="after")
    def _rising(self) -> "Plateaus":
        if (
            sorted(set(self.rates)) != self.rates
            or not 1 <= min(self.rates) <= max(self.rates) <= _FASTEST
        ):
            raise ValueError(
                f"rates {self.rates} must rise, from 1 to {_FASTEST}; like [10, 50, 110]"
            )
        return self

    def most_events(self) -> int:
        """Count the events of all steps, and the one event before."""
        return 1 + sum(len(self.offsets(rate)) for rate in self.rates)

    def offsets(self, rate: int) -> list[float]:
        """List the offsets of the events of a step from its first, in seconds."""
        return [number / rate for number in range(max(round(rate * float(self.hold.seconds)), 1))]


@dataclass(frozen=True, slots=True)
class Climb:
    """Steps that were sent.

    Attributes:
        sent: the events of each step.
        saturated: whether the last rate was more than the target could handle.
    """

    sent: tuple[Sent, ...]
    saturated: bool

    def held(self, stage: Stage, limit: float, *, share: float) -> float:
        """Find the highest rate at which enough events completed a stage in time."""
        return highest((measured(each, {stage: limit}) for each in self.sent), stage, share=share)


async def climb(trial: Trial, settings: Plateaus, within: Mapping[Stage, float]) -> Climb:
    """Send one step after the other, until a rate is too high for every stage.

    Each step starts when every event of the one before has its verdict, so that steps do not affect
    each other.

    Raises:
        StoppedError: the run was stopped before the end.
    """
    sent: list[Sent] = []
    share = float(settings.share)
    for rate in settings.rates:
        if sent:
            await trial.rest(settings.rest)
        offsets = settings.offsets(rate)
        runs = await trial.send(offsets)
        sent.append(Sent(rate, offsets, runs, len(offsets) / rate))
        step = measured(sent[-1], within)
        trial.show(step)
        if all(step.shares[stage.value] < share for stage in within):
            return Climb(tuple(sent), saturated=True)
    return Climb(tuple(sent), saturated=False)
