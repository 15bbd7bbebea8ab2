"""One file per source of stage times; the folder is the registry.

An observer has two names: `STAGES`, the stages it can see, and `stages(evidence)`, a pure
function that gives the seconds of those it did see in one run.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Protocol, cast

from exporter.evidence import Evidence
from exporter.plugins import modules
from slos.schema.contract import Stage


class Observer(Protocol):
    """What a file in this folder offers."""

    STAGES: frozenset[Stage]
    stages: Callable[[Evidence], dict[Stage, float]]


@cache
def observers() -> list[Observer]:
    """All observers, by name."""
    return [cast("Observer", module) for module in modules(sys.modules[__name__]).values()]


def visible_stages() -> list[Stage]:
    """The stages that some observer can see, in the order of the pipeline."""
    seen = {stage for observer in observers() for stage in observer.STAGES}
    return [stage for stage in Stage if stage in seen]


def observe(evidence: Evidence) -> dict[Stage, float]:
    """The seconds of every stage that anyone observed, in the order of the pipeline."""
    found: dict[Stage, float] = {}
    for observer in observers():
        found |= observer.stages(evidence)
    return {stage: found[stage] for stage in Stage if stage in found}
