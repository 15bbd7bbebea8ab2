"""Stress: the load that is too much, and recovery from it (VAL-008, AC4 and Scenario 6).

Each level sends more events at the same moment. The share of a level is that of its events which
were executed exactly once with the right parameters. The first level at which it is below `least`
is the breaking point, and the last level that is sent. Then agent-sre must recover by itself: a
single event is executed in time again, and so is the next run of the normal probes, where one comes
within `recover_within`.

With `ramp_up`, a rising rate follows; see `exporter/loadtest/breaking_point.py`. `details` then has
`breaking_point`: the rates that held and broke, how it degrades in words, and the hysteresis.

Real alerts meet the same conditions as the normal probes. When more of their runs fail than is
allowed, the scenario ends at once, without a result.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from decimal import Decimal

from pydantic import Field, model_validator

from exporter.fields import DurationField, Share, in_unit
from exporter.loadtest.arrivals import ArrivalPlan, ArrivalStep, schedule_steps
from exporter.loadtest.breaking_point import BreakingPoint, RampUpSettings, find_breaking_point
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.result import LoadStep, Measure, ScenarioResult
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stats import list_limits
from slos.schema.contract import (
    BREAKING_POINT,
    BREAKING_POINT_LEVEL,
    CONCURRENCY_COMPLETED,
    THROUGHPUT,
    Stage,
    Verdict,
)
from slos.schema.units import Duration

SCENARIO = "stress"
NEEDS_PROMETHEUS = False
UNIT = "events at once, or a second"
HELD_LEVEL, BREAKING_LEVEL, BREAKING_RATE = (
    "held_level",
    "breaking_level",
    "breaking_events_per_second",
)
RECOVERED = "recovered"
BREAKING_RATE_UP, RECOVERED_LOWER = "breaking_rate", "recovered_at_lower_rate"
_LEVEL_PHASES = ("at once", "")
"""Phases of the levels; results of earlier versions have none."""
_MAX_LEVEL = 1000
_LOWEST_WATCHED, _HIGHEST_WATCHED = 101, 199
"""The alert on concurrency uses the levels in this range."""


class Settings(LoadSettings):
    """Settings of the scenario stress."""

    levels: list[int] = Field(
        default=[50, 100, 150, 200, 300, 500, 750, 1000],
        min_length=1,
        json_schema_extra=in_unit("events at once"),
    )
    """Numbers of simultaneous events, one step each, ascending. Default 50 to 1000; one must be
    from 101 to 199, the range of the alert on concurrency."""
    least: Share = Decimal("0.995")
    """Share of the events of a level that must be executed exactly once. Default 99.5%, the
    objective of availability. The first level below it is the breaking point."""
    promised: int = Field(
        default=_LOWEST_WATCHED, ge=1, le=_MAX_LEVEL, json_schema_extra=in_unit("events at once")
    )
    """Number of simultaneous events that must be executed. Default 101: VAL-008 requires more than
    100."""
    recover_within: DurationField = Duration.from_parts(minutes=5)
    """Time in which agent-sre must recover after the breaking point. Default 5m."""

    ramp_up: RampUpSettings | None = RampUpSettings()
    """Rising rate after the levels; null for none."""

    @model_validator(mode="after")
    def _check_levels(self) -> "Settings":
        levels = self.levels
        if sorted(set(levels)) != levels or not 1 <= min(levels) <= max(levels) <= _MAX_LEVEL:
            raise ValueError(
                f"levels {levels} must be ascending, from 1 to {_MAX_LEVEL}; "
                "for example [50, 100, 150]"
            )
        upto = (
            _HIGHEST_WATCHED if _LOWEST_WATCHED <= self.promised <= _HIGHEST_WATCHED else _MAX_LEVEL
        )
        if not any(self.promised <= level <= upto for level in levels):
            raise ValueError(
                f"levels {levels} do not test the target of {self.promised}; "
                f"add one from {self.promised} to {upto}"
            )
        return self

    def count_max_events(self) -> int:
        """Count the events of all levels and rates, of the one before, and of the recovery."""
        rising = self.ramp_up.count_max_events() if self.ramp_up else 0
        return 1 + sum(self.levels) + self.recover_within.ms // self.rest.ms + 1 + rising

    def plan_arrivals(self) -> ArrivalPlan | None:
        """Plan the rising rate; an engine sends no events at once."""
        if self.ramp_up is None:
            return None
        hold = float(self.ramp_up.hold.seconds)
        steps = [ArrivalStep(rate, hold, "up") for rate in self.ramp_up.list_rates()]
        return ArrivalPlan(schedule_steps(steps, pause=self.step_pause), 1 - self.ramp_up.max_loss)


async def run_scenario(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Raise the level up to the breaking point, then wait for recovery."""
    limits = list_limits({}, [Stage.END_TO_END])
    held_level, breaking_step = 0.0, None
    for level in settings.levels:
        if held_level:
            await scenario_run.wait(settings.rest)
        step = (await scenario_run.send_step(level, [0.0] * level, limits, phase="at once")).step
        if step.shares[Stage.END_TO_END] < float(settings.least):
            breaking_step = step
            break
        held_level = step.load
    scenario_run.update(measures=tuple(_list_measures(settings, held_level, breaking_step)))
    if breaking_step:
        has_recovered = float(await _wait_for_recovery(settings, scenario_run))
        scenario_run.update(
            measures=(*scenario_run.result.measures, Measure(RECOVERED, has_recovered, 1.0))
        )
    else:
        scenario_run.add_note("no breaking point was found up to the highest level")
    if settings.ramp_up:
        found = await find_breaking_point(settings.ramp_up, scenario_run, settings.rest)
        _add_breaking_point(scenario_run, found)


def list_samples(results: Sequence[ScenarioResult]) -> Iterable[ScenarioSample]:
    """List the samples of the last run: its levels, its breaking point and its highest rate."""
    last = results[0]
    levels = [step for step in last.steps if step.phase in _LEVEL_PHASES]
    for step in levels:
        share = step.shares[Stage.END_TO_END]
        yield ScenarioSample(CONCURRENCY_COMPLETED, share, {"level": f"{step.load:.0f}"})
    for metric, name in ((BREAKING_POINT_LEVEL, BREAKING_LEVEL), (BREAKING_POINT, BREAKING_RATE)):
        value = last.get_value(name)
        if value is not None:
            yield ScenarioSample(metric, value, {})
    highest_rate = max(step.rates[Stage.END_TO_END] for step in last.steps)
    yield ScenarioSample(THROUGHPUT, highest_rate, {"stage": Stage.END_TO_END.value})


def _list_measures(
    settings: Settings, held_level: float, breaking_step: LoadStep | None
) -> Iterable[Measure]:
    yield Measure(HELD_LEVEL, held_level, float(settings.promised))
    yield Measure(BREAKING_LEVEL, breaking_step.load if breaking_step else None)
    yield Measure(BREAKING_RATE, breaking_step.rates[Stage.END_TO_END] if breaking_step else None)


def _add_breaking_point(scenario_run: ScenarioRun, found: BreakingPoint) -> None:
    """Add the breaking point of the rising rate to the result."""
    interval = Measure(BREAKING_RATE_UP, found.broken, low=found.held, high=found.broken)
    recovered = (
        ()
        if found.has_recovered is None
        else (Measure(RECOVERED_LOWER, float(found.has_recovered), 1.0),)
    )
    scenario_run.update(
        measures=(*scenario_run.result.measures, interval, *recovered),
        details={"breaking_point": asdict(found)},
    )
    if found.broken is None:
        scenario_run.add_note(f"the rate was raised to {found.held:g} a second, and none broke")
        return
    held = "none" if found.held is None else f"{found.held:g}"
    scenario_run.add_note(
        f"breaking point between {held} and {found.broken:g} events a second: {found.kind}"
    )
    if found.hysteresis is not None:
        word = "slower or worse than" if found.hysteresis["is_found"] else "as good as"
        scenario_run.add_note(
            f"{found.hysteresis['rate']:g} events a second after the overload: {word} before"
        )


async def _wait_for_recovery(settings: Settings, scenario_run: ScenarioRun) -> bool:
    """Wait until single events and the normal probes succeed again; return whether they did.

    Raises:
        StoppedError: the run was stopped meanwhile.
    """
    clock, guard = scenario_run.context.path_context.clock, scenario_run.controls.probe_guard
    load_ended_at, deadline = clock.wall(), clock.now() + float(settings.recover_within.seconds)
    guard.end_load(load_ended_at)
    is_single_ok = False
    while clock.now() < deadline:
        if not is_single_ok:
            (run,) = await scenario_run.send_events([0.0])
            is_single_ok = run.verdict is Verdict.OK
        if is_single_ok and guard.is_available_after(load_ended_at):
            return True
        await scenario_run.wait(settings.rest)
    return is_single_ok and guard.is_available_after(load_ended_at) is not False
