"""Source precedence for stage times, and disagreement between sources. Pure.

The time in the queue before agent-sre reads an event belongs to agent-sre, and only a source
outside of it sees that time. So the prober's own measurements come first where they are exact.
Where they are rough, the spans of agent-sre come first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from slos.schema.contract import Stage, StageSource

StageTimes = Mapping[Stage, Mapping[StageSource, float]]
"""Seconds per stage and source."""

SOURCE_PRECEDENCE: Mapping[Stage, tuple[StageSource, ...]] = {
    Stage.CLOUDEVENT_PROCESSING: (StageSource.REPLY, StageSource.TEMPO),
    Stage.LINEAR_ISSUE_CREATION: (StageSource.LINEAR, StageSource.TEMPO),
    # The canary's first contact is an upper bound: it holds the Linear call.
    Stage.REMEDIATION_SELECTION: (StageSource.TEMPO, StageSource.CANARY),
    Stage.LAMBDA_EXECUTION: (StageSource.CANARY, StageSource.TEMPO),
    Stage.VERIFICATION: (StageSource.TEMPO, StageSource.LINEAR),
    Stage.END_TO_END: (StageSource.CANARY,),
}
_UPPER_BOUNDS = {(Stage.REMEDIATION_SELECTION, StageSource.CANARY)}


LATE_SOURCES = frozenset({StageSource.LINEAR, StageSource.TEMPO})
"""Sources that are asked after the run."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds of a stage, and the source that measured them."""

    seconds: float
    source: StageSource


def select_times(stage_times: StageTimes) -> dict[Stage, StageTime]:
    """Select the time of every observed stage by source precedence, in pipeline order."""
    selected = {}
    for stage in Stage:
        times = stage_times.get(stage, {})
        source = next((source for source in SOURCE_PRECEDENCE[stage] if source in times), None)
        if source is not None:
            selected[stage] = StageTime(times[source], source)
    return selected


def list_late_stages(visible: Mapping[Stage, Collection[StageSource]]) -> tuple[Stage, ...]:
    """List the stages whose best source, of those that can observe them, is asked after the run."""
    return tuple(
        stage
        for stage, sources in visible.items()
        if next((source for source in SOURCE_PRECEDENCE[stage] if source in sources), None)
        in LATE_SOURCES
    )


def merge_stage_times(
    first: StageTimes, second: StageTimes
) -> dict[Stage, dict[StageSource, float]]:
    """Merge stage times; for the same stage and source the second argument wins."""
    stages = [stage for stage in Stage if stage in first or stage in second]
    return {stage: {**first.get(stage, {}), **second.get(stage, {})} for stage in stages}


def find_disagreements(stage_times: StageTimes, *, tolerance: float) -> list[Stage]:
    """Find stages for which a source's time differs from the selected time.

    Args:
        stage_times: all times.
        tolerance: seconds by which two sources may differ.
    """
    return [
        stage
        for stage, time in select_times(stage_times).items()
        if any(
            _is_different(
                time.seconds, seconds, tolerance, is_upper_bound=(stage, source) in _UPPER_BOUNDS
            )
            for source, seconds in stage_times[stage].items()
        )
    ]


def _is_different(
    counted_seconds: float, seconds: float, tolerance: float, *, is_upper_bound: bool
) -> bool:
    return counted_seconds - seconds > tolerance or (
        not is_upper_bound and seconds - counted_seconds > tolerance
    )
