"""Throughput: events a second that agent-sre can take, stage by stage (VAL-008, AC2).

Events are sent open-loop, in steps of a constant rate each, up to and above the targets. The
throughput of a stage is the highest rate, over all steps, of those at which at least `share` of the
events completed the stage within its latency target. The rate of a step is the number of events
completed in time, divided by the time from its first event to the last completion. So a backlog
that is worked off after the step lowers the rate, and so does a lost event. For the stages of
agent-sre only events count that were executed exactly once, since it replies 200 to all others as
well.

Each value belongs to one stage in a chain: no stage can show more than the slowest before it lets
through. A stage that reaches its target does so in any case. Issues are known only where Linear is
observed, and 50 of them a second only with the Linear simulator.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from exporter.fields import in_unit
from exporter.loadtest.metrics import ScenarioSample
from exporter.loadtest.ramp import RampResult, RampSettings, ramp
from exporter.loadtest.result import Measure, ScenarioResult
from exporter.loadtest.run import ScenarioRun
from exporter.loadtest.stats import list_limits
from slos.schema.contract import THROUGHPUT, Stage

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
    targets: dict[_StageField, float] = Field(
        default=_PROMISED_RATES, min_length=1, json_schema_extra=in_unit("events per second")
    )
    """Rate in events per second that each stage must exceed. Default: the targets of AC2, 100
    CloudEvents, 50 issues, 50 selections, 20 calls. A stage that cannot be observed never meets its
    target: leave it out."""


async def run_scenario(settings: Settings, scenario_run: ScenarioRun) -> None:
    """Ramp the rate; then wait for the observations of Linear."""
    limits = list_limits(scenario_run.context.targets, _PROMISED_RATES)
    limits_without_issues = dict(limits)
    del limits_without_issues[Stage.LINEAR_ISSUE_CREATION]
    ramped = await ramp(scenario_run, settings, limits_without_issues)
    notes = (
        [] if ramped.is_saturated else ["agent-sre was not saturated: its throughput may be higher"]
    )
    controls = scenario_run.controls
    if controls.can_see_issues and await controls.late_results.wait_for_all(scenario_run):
        ramped = replace(ramped, sent=tuple(map(scenario_run.get_latest, ramped.sent)))
    else:
        limits = limits_without_issues
        notes.append("Linear returned too few issues: issue creation was not measured")
    scenario_run.update(
        measures=tuple(_list_measures(settings, ramped, limits)), notes=tuple(notes)
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
