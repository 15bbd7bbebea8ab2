"""One file per source of stage times; the folder is the registry.

Every observer has a `SOURCE` and its `STAGES`, those it can see. One that looks at what a run
itself left behind has `stages(evidence)`, a pure function. One that asks somebody else has
`Settings` and `observer`, and is asked again and again after the run (`exporter/aftercare.py`).
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from exporter.evidence import Evidence
from exporter.fields import Section
from exporter.plugins import modules
from exporter.result import Leaving
from exporter.sources import Seen
from slos.schema.contract import IssueCount, Leavings, Route, Source, Stage


class Observer(Protocol):
    """What the file of an observer of evidence offers."""

    SOURCE: Source
    STAGES: frozenset[Stage]
    ROUTES: frozenset[Route]
    """The ways on which it can see them."""
    stages: Callable[[Evidence], dict[Stage, float]]


@dataclass(frozen=True, slots=True)
class Question:
    """A run about which more may become known.

    Attributes:
        id: of the run.
        names: ids under which others know it, its own first.
        trace_id: of the trace it was sent with, if there is one.
        intended_at: wall clock seconds.
    """

    id: str
    names: tuple[str, ...]
    trace_id: str | None
    intended_at: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """What an observer has to say of a run.

    Attributes:
        id: of the run.
        stages: seconds of those it saw.
        leavings: things of the run that must be cleaned up.
        issues: how many Linear issues it opened, where that is known.
        final: whether asking again would tell nothing new.
    """

    id: str
    stages: Mapping[Stage, float] = field(default_factory=dict)
    leavings: tuple[Leaving, ...] = ()
    issues: IssueCount | None = None
    final: bool = True


class LateObserver(Protocol):
    """One that asks somebody else, after the run."""

    every: float
    """Seconds between two questions."""
    usual: float
    """Seconds after a run within which it normally knows."""
    patience: float
    """Seconds after a run in which it may still learn something."""
    troubled: bool
    """Whoever was asked last did not answer, or refused."""
    cleans: Leavings | None
    """What it can clean up."""

    async def look(self, questions: Sequence[Question]) -> Sequence[Sighting]:
        """What is known by now of some runs; of those left out, nothing yet. Never raises."""

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Clean up, and give back what could not be."""

    async def sweep(self, before: float) -> Sequence[Leaving]:
        """What runs that were sent before a time left behind, whether anyone remembers them."""


class LateModule(Protocol):
    """What the file of a late observer offers."""

    SOURCE: Source
    STAGES: frozenset[Stage]
    Settings: type[Section]
    observer: Callable[..., AbstractAsyncContextManager[LateObserver]]
    """Takes settings, and by name `folder`, `clock` and `gauges`."""
    findings: Callable[[Section, Path], Iterable[tuple[str, str, str]]]
    """What is wrong with the files behind settings, as key, message and hint."""


@cache
def observers() -> list[Observer]:
    """All observers of evidence, by name."""
    return [cast("Observer", module) for module in _all() if hasattr(module, "ROUTES")]


@cache
def late_modules() -> dict[str, LateModule]:
    """All late observers, by name."""
    late = [module for module in _all() if hasattr(module, "observer")]
    return {module.__name__.rpartition(".")[2]: cast("LateModule", module) for module in late}


def expected(route: Route) -> list[Stage]:
    """The stages that a run must show by itself: one that is not there was not reached."""
    found = {stage for each in observers() if route in each.ROUTES for stage in each.STAGES}
    return [stage for stage in Stage if stage in found]


def visible(route: Route, late: Iterable[str] = ()) -> dict[Stage, list[Source]]:
    """The stages that somebody can see on a way and who, in the order of the pipeline.

    Args:
        route: the way.
        late: the names of the late observers in use.
    """
    asked = [(each.SOURCE, each.STAGES) for each in observers() if route in each.ROUTES]
    asked += [(late_modules()[name].SOURCE, late_modules()[name].STAGES) for name in late]
    found = {stage: [source for source, stages in asked if stage in stages] for stage in Stage}
    return {stage: sources for stage, sources in found.items() if sources}


def observe(evidence: Evidence) -> Seen:
    """The seconds of every stage as seen in the evidence."""
    found: dict[Stage, dict[Source, float]] = {}
    for observer in observers():
        for stage, seconds in observer.stages(evidence).items():
            found.setdefault(stage, {})[observer.SOURCE] = seconds
    return {stage: found[stage] for stage in Stage if stage in found}


def _all() -> list[ModuleType]:
    return list(modules(sys.modules[__name__]).values())
