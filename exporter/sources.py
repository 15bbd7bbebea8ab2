"""Which source's time of a stage counts, and when two disagree. Pure; the table is the policy.

Time in the queue before agent-sre reads an event is agent-sre's, and only who counts from outside
sees it. So what the prober measured itself comes first where it is exact. What the prober sees
only roughly, the inside knows better.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from slos.schema.contract import Source, Stage

Seen = Mapping[Stage, Mapping[Source, float]]
"""Seconds of each stage as each source saw them."""

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
    """How long a stage took, and who says so."""

    seconds: float
    source: Source


def best(seen: Seen) -> dict[Stage, Time]:
    """The time that counts of every stage somebody saw, in the order of the pipeline."""
    found = {}
    for stage in Stage:
        times = seen.get(stage, {})
        source = next((source for source in BEST[stage] if source in times), None)
        if source is not None:
            found[stage] = Time(times[source], source)
    return found


def told_late(visible: Mapping[Stage, Collection[Source]]) -> tuple[Stage, ...]:
    """Stages whose best source, of those that can see them, is one that is asked later."""
    return tuple(
        stage
        for stage, sources in visible.items()
        if next((source for source in BEST[stage] if source in sources), None) in LATE
    )


def merged(one: Seen, other: Seen) -> dict[Stage, dict[Source, float]]:
    """What both saw; of one source's times for a stage, the later word counts."""
    stages = [stage for stage in Stage if stage in one or stage in other]
    return {stage: {**one.get(stage, {}), **other.get(stage, {})} for stage in stages}


def disagreeing(seen: Seen, *, tolerance: float) -> list[Stage]:
    """Stages of which some source's time differs from the one that counts.

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
