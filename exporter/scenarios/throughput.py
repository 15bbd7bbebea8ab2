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
observed, and 50 of them a second only where a stand-in serves it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, PlainValidator

from exporter.loadtest.metrics import Reading
from exporter.loadtest.ramp import Climb, Plateaus, climb
from exporter.loadtest.result import Measure, Result
from exporter.loadtest.run import Trial
from exporter.loadtest.stats import within
from slos.schema.contract import THROUGHPUT, Stage

UNIT = "events a second"
_PROMISED = {
    Stage.CLOUDEVENT_PROCESSING: 100.0,
    Stage.LINEAR_ISSUE_CREATION: 50.0,
    Stage.REMEDIATION_SELECTION: 50.0,
    Stage.LAMBDA_EXECUTION: 20.0,
}


def _stage(value: object) -> Stage:
    if value in _PROMISED:
        return Stage(str(value))
    raise ValueError(f"{value!r} is no stage with a throughput; there are {', '.join(_PROMISED)}")


class Settings(Plateaus):
    """Settings of the scenario throughput."""

    rates: list[int] = Field(default=[10, 20, 25, 55, 80, 110], min_length=1)
    """Events a second, one step each, rising. Default 10 to 110: a tenth above each promise, for
    what ends a moment after its step is a little slower."""
    targets: dict[Annotated[Stage, PlainValidator(_stage)], float] = Field(
        default=_PROMISED, min_length=1
    )
    """What each stage must reach, in events a second. Default what AC2 promises: 100 CloudEvents,
    50 issues, 50 selections, 20 calls. A stage that nobody can observe is never met: leave it out
    where it is not meant to be."""


async def run(settings: Settings, trial: Trial) -> None:
    """Ramp the rate; then wait for the observations of Linear."""
    limits = within(trial.means.targets, _PROMISED)
    seen_at_once = dict(limits)
    del seen_at_once[Stage.LINEAR_ISSUE_CREATION]
    climbed = await climb(trial, settings, seen_at_once)
    notes = (
        [] if climbed.saturated else ["the load ended before agent-sre did: rates may be higher"]
    )
    if trial.sees_issues and await trial.late.all_heard(trial):
        learned = (
            replace(each, runs=[*map(trial.late.known_of, each.runs)]) for each in climbed.sent
        )
        climbed = replace(climbed, sent=tuple(learned))
    else:
        limits = seen_at_once
        notes.append("Linear did not tell enough: nothing is known of the issues")
    trial.tell(measures=tuple(_measures(settings, climbed, limits)), notes=tuple(notes))


def readings(results: Sequence[Result]) -> Iterable[Reading]:
    """List a sample for each stage that the last run measured."""
    for measure in results[0].measures:
        if measure.value is not None:
            yield Reading(THROUGHPUT, measure.value, {"stage": measure.name})


def _measures(settings: Settings, climbed: Climb, limits: dict[Stage, float]) -> Iterable[Measure]:
    share = float(settings.share)
    for stage in _PROMISED:
        limit = limits.get(stage)
        held = None if limit is None else climbed.held(stage, limit, share=share)
        if held is not None or stage in settings.targets:
            yield Measure(stage.value, held, settings.targets.get(stage))
