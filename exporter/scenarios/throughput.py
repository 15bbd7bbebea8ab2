"""Throughput: events a second that agent-sre can take, stage by stage (VAL-008, AC2).

Events are sent open-loop, in steps of a constant rate each, up to and above the targets. The
throughput of a stage is the highest rate, over all steps, of those at which at least `share` of the
events completed the stage within its latency target. The rate of a step is the number of events
completed in time, divided by the time from its first event to the last completion. So a backlog
that is worked off after the step lowers the rate, and so does a lost event. For the stages of
agent-sre only events count that were executed exactly once, since it replies 200 to all others as
well.

Each value belongs to one stage in a chain: no stage can show more than the slowest before it lets
through. A stage that reaches its target does so in any case. With `steady`, one rate is sent for a
longer time afterwards. `details.flow` counts its events: sent, accepted, executed, lost and those
with an issue are different numbers. Issues are known only where Linear is
observed, and 50 of them a second only with the Linear simulator.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from exporter.fields import DurationField, in_unit
from exporter.loadtest.arrivals import ArrivalPlan, ArrivalStep, schedule_steps
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.ramp import RampResult, RampSettings, send_ramp
from exporter.loadtest.result import Measure, ScenarioResult
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.stats import count_flow, list_limits
from slos.schema.contract import THROUGHPUT, Stage
from slos.schema.units import Duration

SCENARIO = "throughput"
NEEDS_PROMETHEUS = False
UNIT = "events a second"
_PROMISED_RATES = {
    Stage.CLOUDEVENT_PROCESSING: 100.0,
    Stage.LINEAR_ISSUE_CREATION: 50.0,
    Stage.REMEDIATION_SELECTION: 50.0,
    Stage.LAMBDA_EXECUTION: 20.0,
}


def _parse_stage(value: object) -> Stage:
    if value in _PROMISED_RATES:
        return Stage(str(value))
    raise ValueError(
        f"{value!r} is not a stage with a throughput target; "
        f"known stages: {', '.join(_PROMISED_RATES)}"
    )


_StageField = Annotated[
    Stage,
    PlainValidator(_parse_stage),
    WithJsonSchema({"type": "string", "enum": list(_PROMISED_RATES)}),
]


class Settings(RampSettings):
    """Settings of the scenario throughput."""

    rates: list[int] = Field(
        default=[10, 20, 25, 55, 80, 110],
        min_length=1,
        json_schema_extra=in_unit("events per second"),
    )
    """Events per second, one step each, ascending. Default 10 to 110: a tenth above each target,
    because the last completions of a step end a moment after it."""
    steady: int = Field(default=100, ge=0, le=500, json_schema_extra=in_unit("events per second"))
    """Rate that is sent for `steady_for` after the steps. Default 100, as VAL-008 requires; 0 for
    none."""
    steady_for: DurationField = Duration.from_parts(seconds=30)
    """Duration of the steady rate. Default 30s."""
    targets: dict[_StageField, float] = Field(
        default=_PROMISED_RATES, min_length=1, json_schema_extra=in_unit("events per second")
    )
    """Rate in events per second that each stage must exceed. Default: the targets of AC2, 100
    CloudEvents, 50 issues, 50 selections, 20 calls. A stage that cannot be observed never meets its
    target: leave it out."""

    def count_max_events(self) -> int:
        """Count the events of all steps, of the steady rate, and the one before."""
        return super().count_max_events() + self.steady * int(self.steady_for.seconds)

    def plan_arrivals(self) -> ArrivalPlan:
        """Plan all steps, and the steady rate."""
        hold, steady_for = float(self.hold.seconds), float(self.steady_for.seconds)
        steps = [ArrivalStep(rate, hold, "up") for rate in self.rates]
        steps += [ArrivalStep(self.steady, steady_for, "steady")] if self.steady else []
        return ArrivalPlan(schedule_steps(steps, pause=self.step_pause), self.share)


async def run_scenario(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Ramp the rate; then wait for the observations of Linear."""
    limits = list_limits(scenario_run.context.targets, _PROMISED_RATES)
    limits_without_issues = dict(limits)
    del limits_without_issues[Stage.LINEAR_ISSUE_CREATION]
    ramped = await send_ramp(scenario_run, settings, limits_without_issues)
    notes = ramped.list_notes(limits_without_issues, share=float(settings.share))
    if settings.steady:
        await _send_steady_rate(settings, scenario_run, limits_without_issues)
    controls = scenario_run.controls
    not_measured: dict[str, str] = {}
    if controls.can_see_issues and await controls.late_results.wait_for_all(scenario_run):
        ramped = replace(ramped, sent=tuple(map(scenario_run.get_latest, ramped.sent)))
    else:
        limits = limits_without_issues
        seen = controls.can_see_issues
        why = "Linear returned too few issues" if seen else "Linear is not observed"
        notes.append(f"{why}: issue creation was not measured")
        not_measured[Stage.LINEAR_ISSUE_CREATION.value] = why
    if controls.environment.get("linear") == "real":
        notes.append(
            "the issues went to Linear itself, which takes a few thousand requests an hour for a "
            "key: issues a second are those of a safe rate; the stand-in has no limit"
        )
    await scenario_run.count_issues()
    scenario_run.update(
        measures=tuple(_list_measures(settings, ramped, limits)),
        details={
            "flow": [count_flow(step) for step in scenario_run.result.steps],
            "not_measured": not_measured,
        },
        notes=(*scenario_run.result.notes, *notes),
    )


async def _send_steady_rate(
    settings: Settings, scenario_run: ScenarioRun, limits: dict[Stage, float]
) -> None:
    """Send one rate for a longer time.

    Raises:
        StoppedError: the run was stopped before its end.
    """
    await scenario_run.wait(settings.rest)
    duration = float(settings.steady_for.seconds)
    offsets = [number / settings.steady for number in range(int(settings.steady * duration))]
    await scenario_run.send_step(
        settings.steady, offsets, limits, duration=duration, phase="steady"
    )


def list_samples(results: Sequence[ScenarioResult]) -> Iterable[ScenarioSample]:
    """List a sample for each stage that the last run measured."""
    for measure in results[0].measures:
        if measure.value is not None:
            yield ScenarioSample(THROUGHPUT, measure.value, {"stage": measure.name})


def _list_measures(
    settings: Settings, ramped: RampResult, limits: dict[Stage, float]
) -> Iterable[Measure]:
    share = float(settings.share)
    for stage in _PROMISED_RATES:
        limit = limits.get(stage)
        rate = None if limit is None else ramped.find_highest_rate(stage, limit, share=share)
        if rate is not None or stage in settings.targets:
            yield Measure(stage.value, rate, settings.targets.get(stage), exclusive=True)
