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
from itertools import permutations

from exporter.model.bounds import Bounds
from slos.schema.contract import Stage

StageTimes = Mapping[Stage, Mapping[str, Bounds]]
"""Time per stage and source."""


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
        is_remote: whether it is asked after the run.
    """

    accuracy: Mapping[Stage, Accuracy]
    is_remote: bool


_STAGES = tuple(Stage)
_sources: dict[str, _Source] = {}


def register_source(source: str, accuracy: Mapping[Stage, Accuracy], *, is_remote: bool) -> None:
    """Register a source of stage times; times of an unregistered source do not count.

    Args:
        source: value of the label `source`.
        accuracy: how accurate it is for each stage that it can measure.
        is_remote: whether it is asked after the run.
    """
    _sources[source] = _Source(accuracy, is_remote)
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
    """Time of a stage, and the source that measured it."""

    bounds: Bounds
    source: str


def select_times(stage_times: StageTimes) -> dict[Stage, StageTime]:
    """Select the time of every observed stage, in pipeline order.

    The first certain time counts, by source precedence. Without a certain one it is the time with
    the closest bounds. A time that holds other work as well counts if there is no other.
    """
    selected = {}
    for stage in _STAGES:
        times = stage_times.get(stage)
        if not times:
            continue
        sources = [source for source in rank_sources(stage) if source in times]
        if sources:
            source = min(sources, key=lambda source: _rank_time(stage, source, times[source]))
            selected[stage] = StageTime(times[source], source)
    return selected


def _rank_time(stage: Stage, source: str, bounds: Bounds) -> tuple[bool, float]:
    width = 0.0 if bounds.is_certain else bounds.width
    return _is_upper_bound(stage, source), width


def list_remote_stages(
    visible: Mapping[Stage, Collection[str]], stage_times: StageTimes
) -> tuple[Stage, ...]:
    """List the stages of a run of which a source that is asked after the run may know better.

    Args:
        visible: the sources that can observe each stage.
        stage_times: what is known of the run.
    """
    return tuple(
        stage for stage, sources in visible.items() if _is_due(stage, sources, stage_times)
    )


def _is_due(stage: Stage, sources: Collection[str], stage_times: StageTimes) -> bool:
    """Return whether a remote source comes before the first source with a certain time, or none."""
    times = stage_times.get(stage, {})
    for source in rank_sources(stage):
        if source in sources:
            if _sources[source].is_remote:
                return True
            if source not in times or times[source].is_certain:
                return False
    return False


def merge_stage_times(first: StageTimes, second: StageTimes) -> dict[Stage, dict[str, Bounds]]:
    """Merge stage times; for the same stage and source the second argument wins."""
    stages = [stage for stage in Stage if stage in first or stage in second]
    return {stage: {**first.get(stage, {}), **second.get(stage, {})} for stage in stages}


def find_disagreements(stage_times: StageTimes, *, tolerance: float) -> list[Stage]:
    """Find the stages for which the times of two sources differ.

    Args:
        stage_times: all times.
        tolerance: seconds by which two sources may differ.
    """
    return [
        stage
        for stage in Stage
        if any(
            _is_different(stage, one, other, stage_times[stage], tolerance)
            for one, other in permutations(stage_times.get(stage, {}), 2)
        )
    ]


def _is_different(
    stage: Stage, earlier: str, later: str, times: Mapping[str, Bounds], tolerance: float
) -> bool:
    """Return whether one time is longer than another; an upper bound may be, by any amount."""
    gap = times[earlier].measure_gap(times[later])
    return gap > tolerance and not _is_upper_bound(stage, later)


def _is_upper_bound(stage: Stage, source: str) -> bool:
    return source in _sources and _sources[source].accuracy.get(stage) is Accuracy.UPPER_BOUND
