"""Source precedence for stage times, and disagreement between sources. Pure.

The time in the queue before agent-sre reads an event belongs to agent-sre, and only a source
outside of it sees that time. So the prober's own measurements come first where they are exact.
Where they are rough, the spans of agent-sre come first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from slos.schema.contract import Source, Stage

Seen = Mapping[Stage, Mapping[Source, float]]
"""Seconds per stage and source."""

BEST: Mapping[Stage, tuple[Source, ...]] = {
    Stage.CLOUDEVENT_PROCESSING: (Source.REPLY, Source.TEMPO),
    Stage.LINEAR_ISSUE_CREATION: (Source.LINEAR, Source.TEMPO),
    # The canary's first contact is an upper bound: it holds the Linear call.
    Stage.REMEDIATION_SELECTION: (Source.TEMPO, Source.CANARY),
    Stage.LAMBDA_EXECUTION: (Source.CANARY, Source.TEMPO),
    Stage.VERIFICATION: (Source.TEMPO, Source.LINEAR),
    Stage.END_TO_END: (Source.CANARY,),
}
_UPPER_BOUNDS = {(Stage.REMEDIATION_SELECTION, Source.CANARY)}


LATE = frozenset({Source.LINEAR, Source.TEMPO})
"""Sources that are asked after the run."""


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds of a stage, and the source that measured them."""

    seconds: float
    source: Source


def best(seen: Seen) -> dict[Stage, Time]:
    """Select the time of every observed stage by source precedence, in pipeline order."""
    found = {}
    for stage in Stage:
        times = seen.get(stage, {})
        source = next((source for source in BEST[stage] if source in times), None)
        if source is not None:
            found[stage] = Time(times[source], source)
    return found


def told_late(visible: Mapping[Stage, Collection[Source]]) -> tuple[Stage, ...]:
    """List the stages whose best source, of those that can observe them, is asked after the run."""
    return tuple(
        stage
        for stage, sources in visible.items()
        if next((source for source in BEST[stage] if source in sources), None) in LATE
    )


def merged(one: Seen, other: Seen) -> dict[Stage, dict[Source, float]]:
    """Merge stage times; for the same stage and source the second argument wins."""
    stages = [stage for stage in Stage if stage in one or stage in other]
    return {stage: {**one.get(stage, {}), **other.get(stage, {})} for stage in stages}


def disagreeing(seen: Seen, *, tolerance: float) -> list[Stage]:
    """Find stages for which a source's time differs from the selected time.

    Args:
        seen: all times.
        tolerance: seconds by which two sources may differ.
    """
    return [
        stage
        for stage, time in best(seen).items()
        if any(
            _differs(time.seconds, seconds, tolerance, bound=(stage, source) in _UPPER_BOUNDS)
            for source, seconds in seen[stage].items()
        )
    ]


def _differs(counts: float, seconds: float, tolerance: float, *, bound: bool) -> bool:
    return counts - seconds > tolerance or (not bound and seconds - counts > tolerance)
