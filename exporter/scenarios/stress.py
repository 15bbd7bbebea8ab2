"""Stress: the number of simultaneous events that is too many, and recovery from it (VAL-008, AC4).

Each level sends more events at the same moment. The share of a level is that of its events which
were executed exactly once with the right parameters. The first level at which it is below `least`
is the breaking point, and the last level that is sent. Then agent-sre must recover by itself: a
single event is executed in time again, and so is the next run of the normal probes, where one comes
within `recover_within`.

Real alerts meet the same conditions as the normal probes. When more of their runs fail than is
allowed, the scenario ends at once, without a result.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import Field, model_validator

from exporter.fields import Length, Share
from exporter.loadtest.metrics import Reading
from exporter.loadtest.result import Measure, Result, Step
from exporter.loadtest.run import Trial
from exporter.loadtest.settings import Load
from exporter.loadtest.stats import Sent, measured, within
from slos.schema.contract import (
    BREAKING_POINT,
    BREAKING_POINT_LEVEL,
    CONCURRENCY_COMPLETED,
    THROUGHPUT,
    Stage,
    Verdict,
)
from slos.schema.units import Duration

UNIT = "events at once"
HELD, BROKE, BROKE_RATE = "held_level", "breaking_level", "breaking_events_per_second"
RECOVERED = "recovered"
_MOST = 1000
_LOWEST_WATCHED, _HIGHEST_WATCHED = 101, 199
"""The alert on concurrency looks at the levels between."""


class Settings(Load):
    """Settings of the scenario stress."""

    levels: list[int] = Field(default=[50, 100, 150, 200, 300, 500, 750, 1000], min_length=1)
    """Events at once, one step each, rising. Default 50 to 1000; one lies between 101 and 199, for
    the alert on concurrency looks there."""
    least: Share = Decimal("0.995")
    """Share of a level's events that must be executed exactly once. Default 99.5%, the objective of
    availability; below is the breaking point."""
    promised: int = Field(default=_LOWEST_WATCHED, ge=1, le=_MOST)
    """Events at once that must be executed. Default 101: VAL-008 promises more than 100."""
    recover_within: Length = Duration.of(minutes=5)
    """Time in which agent-sre must be itself again after the breaking point. Default 5m."""

    @model_validator(mode="after")
    def _rising(self) -> "Settings":
        levels = self.levels
        if sorted(set(levels)) != levels or not 1 <= min(levels) <= max(levels) <= _MOST:
            raise ValueError(f"levels {levels} must rise, from 1 to {_MOST}; like [50, 100, 150]")
        upto = _HIGHEST_WATCHED if _LOWEST_WATCHED <= self.promised <= _HIGHEST_WATCHED else _MOST
        if not any(self.promised <= level <= upto for level in levels):
            raise ValueError(
                f"levels {levels} do not show whether {self.promised} are executed; "
                f"add one from {self.promised} to {upto}"
            )
        return self

    def most_events(self) -> int:
        """Count the events of all levels, of the one before, and of the recovery check."""
        return 1 + sum(self.levels) + self.recover_within.ms // self.rest.ms + 1


async def run(settings: Settings, trial: Trial) -> None:
    """Raise the level up to the breaking point, then wait for recovery."""
    limits = within({}, [Stage.END_TO_END])
    held, broke = 0.0, None
    for level in settings.levels:
        if held:
            await trial.rest(settings.rest)
        at_once = [0.0] * level
        step = measured(Sent(level, at_once, await trial.send(at_once), 0.0), limits)
        trial.show(step)
        if step.shares[Stage.END_TO_END] < float(settings.least):
            broke = step
            break
        held = step.load
    trial.tell(measures=tuple(_measures(settings, held, broke)))
    if broke:
        recovered = float(await _recovered(settings, trial))
        trial.tell(measures=(*trial.result.measures, Measure(RECOVERED, recovered, 1.0)))
    else:
        trial.tell(notes=("no level broke it: there may be higher ones",))


def readings(results: Sequence[Result]) -> Iterable[Reading]:
    """List the samples of the last run: its levels, its breaking point and its highest rate."""
    last = results[0]
    for step in last.steps:
        share = step.shares[Stage.END_TO_END]
        yield Reading(CONCURRENCY_COMPLETED, share, {"level": f"{step.load:.0f}"})
    for metric, name in ((BREAKING_POINT_LEVEL, BROKE), (BREAKING_POINT, BROKE_RATE)):
        value = last.value(name)
        if value is not None:
            yield Reading(metric, value, {})
    most = max(step.rates[Stage.END_TO_END] for step in last.steps)
    yield Reading(THROUGHPUT, most, {"stage": Stage.END_TO_END.value})


def _measures(settings: Settings, held: float, broke: Step | None) -> Iterable[Measure]:
    yield Measure(HELD, held, float(settings.promised))
    yield Measure(BROKE, broke.load if broke else None)
    yield Measure(BROKE_RATE, broke.rates[Stage.END_TO_END] if broke else None)


async def _recovered(settings: Settings, trial: Trial) -> bool:
    """Wait until single events and the normal probes succeed again; return whether they did.

    Raises:
        StoppedError: the run was stopped meanwhile.
    """
    clock = trial.means.reach.clock
    over, deadline = clock.wall(), clock.now() + float(settings.recover_within.seconds)
    trial.normal.load_is_over(over)
    alone = False
    while clock.now() < deadline:
        if not alone:
            (one,) = await trial.send([0.0])
            alone = one.verdict is Verdict.OK
        if alone and trial.normal.available_after(over):
            return True
        await trial.rest(settings.rest)
    return alone and trial.normal.available_after(over) is not False
