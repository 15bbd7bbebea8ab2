"""Source precedence for stage times, and disagreement between sources.

The time in the queue before agent-sre reads an event belongs to agent-sre, and only a source
outside of it sees that time. So the prober's own measurements come first where they are exact.
Where they are rough, the spans of agent-sre come first. Every observer declares how accurate it is
for each stage; the package `exporter.observers` registers them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from slos.schema.contract import Stage

StageTimes = Mapping[Stage, Mapping[str, float]]
"""Seconds per stage and source."""


class Accuracy(IntEnum):
    """Accuracy of a source for a stage. Of several times of a stage, the lowest value counts."""

    EXACT = 1
    """Measured from outside of agent-sre, with its queue."""
    INSIDE = 2
    """Measured by agent-sre itself, without its queue."""
    UPPER_BOUND = 3
    """The time holds other work as well."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Source of stage times.

    Attributes:
        accuracy: how accurate it is for each stage that it can measure.
        is_late: whether it is asked after the run.
    """

    accuracy: Mapping[Stage, Accuracy]
    is_late: bool


_sources: dict[str, _Source] = {}


def register_source(source: str, accuracy: Mapping[Stage, Accuracy], *, is_late: bool) -> None:
    """Register a source of stage times; times of an unregistered source do not count.

    Args:
        source: value of the label `source`.
        accuracy: how accurate it is for each stage that it can measure.
        is_late: whether it is asked after the run.
    """
    _sources[source] = _Source(accuracy, is_late)
    rank_sources.cache_clear()


@cache
def rank_sources(stage: Stage) -> tuple[str, ...]:
    """List the sources that can measure a stage, the one that takes precedence first."""
    ranks = sorted(
        (each.accuracy[stage], source)
        for source, each in _sources.items()
        if stage in each.accuracy
    )
    return tuple(source for _, source in ranks)


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds of a stage, and the source that measured them."""

    seconds: float
    source: str


def select_times(stage_times: StageTimes) -> dict[Stage, StageTime]:
    """Select the time of every observed stage by source precedence, in pipeline order."""
    selected = {}
    for stage in Stage:
        times = stage_times.get(stage, {})
        source = next((source for source in rank_sources(stage) if source in times), None)
        if source is not None:
            selected[stage] = StageTime(times[source], source)
    return selected


def list_late_stages(visible: Mapping[Stage, Collection[str]]) -> tuple[Stage, ...]:
    """List the stages whose best source, of those that can observe them, is asked after the run."""
    best = {
        stage: next((source for source in rank_sources(stage) if source in sources), None)
        for stage, sources in visible.items()
    }
    return tuple(stage for stage, source in best.items() if source and _sources[source].is_late)


def merge_stage_times(first: StageTimes, second: StageTimes) -> dict[Stage, dict[str, float]]:
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
                time.seconds, seconds, tolerance, is_upper_bound=_is_upper_bound(stage, source)
            )
            for source, seconds in stage_times[stage].items()
        )
    ]


def _is_upper_bound(stage: Stage, source: str) -> bool:
    return source in _sources and _sources[source].accuracy.get(stage) is Accuracy.UPPER_BOUND


def _is_different(
    counted_seconds: float, seconds: float, tolerance: float, *, is_upper_bound: bool
) -> bool:
    return counted_seconds - seconds > tolerance or (
        not is_upper_bound and seconds - counted_seconds > tolerance
    )
