"""API and registry of observers, the sources of stage times: one plug-in file each.

Every observer has a `SOURCE` and its `STAGES`, those it can measure. An observer of the evidence of
a run has `measure_stages(evidence)`, a pure function, and `PATHS`. A late observer asks another
system: it has `Settings`, `find_problems` and `open_observer`, and is polled after the run
(`exporter/prober/reconciler.py`).
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from exporter.fields import Section
from exporter.model.evidence import Evidence
from exporter.model.run import Leaving
from exporter.model.stages import Seen
from exporter.plugins import modules
from slos.schema.contract import IssueCount, Leavings, Route, Source, Stage


class Observer(Protocol):
    """API of the file of an observer of evidence."""

    SOURCE: Source
    STAGES: frozenset[Stage]
    ROUTES: frozenset[Route]
    """Delivery paths on which it can measure the stages."""
    stages: Callable[[Evidence], dict[Stage, float]]


@dataclass(frozen=True, slots=True)
class Question:
    """Query for a run about which more may become known.

    Attributes:
        id: run id.
        names: ids under which other systems know the run, its own first.
        trace_id: id of the trace it was sent with, if there is one.
        intended_at: wall clock seconds of the intended send.
    """

    id: str
    names: tuple[str, ...]
    trace_id: str | None
    intended_at: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """Observation of a run by a late observer.

    Attributes:
        id: run id.
        stages: seconds of each stage that was measured.
        leavings: leftovers of the run that must be cleaned up.
        issues: how many Linear issues it opened, where that is known.
        final: whether another query would give nothing new.
    """

    id: str
    stages: Mapping[Stage, float] = field(default_factory=dict)
    leavings: tuple[Leaving, ...] = ()
    issues: IssueCount | None = None
    final: bool = True


class LateObserver(Protocol):
    """Observer that queries another system after the run."""

    every: float
    """Seconds between two queries."""
    usual: float
    """Seconds after a run within which its observation is normally final."""
    patience: float
    """Seconds after a run after which nothing more is expected."""
    troubled: bool
    """The last query was not answered, or was refused."""
    cleans: Leavings | None
    """Kind of leftover that it can clean up."""

    async def look(self, questions: Sequence[Question]) -> Sequence[Sighting]:
        """Observe some runs; a run left out of the result is not known yet. Never raises."""

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Clean up leftovers; return those that could not be cleaned up."""

    async def sweep(self, before: float) -> Sequence[Leaving]:
        """Find leftovers of all runs sent before a time, whether or not the journal knows them."""


class LateModule(Protocol):
    """API of the file of a late observer."""

    SOURCE: Source
    STAGES: frozenset[Stage]
    Settings: type[Section]
    observer: Callable[..., AbstractAsyncContextManager[LateObserver]]
    """Opens the observer; takes settings, and by name `folder`, `clock` and `gauges`."""
    findings: Callable[[Section, Path], Iterable[tuple[str, str, str]]]
    """Finds mistakes in the files that settings name, as key, message and hint."""


@cache
def observers() -> list[Observer]:
    """Load all observers of evidence, by name."""
    return [cast("Observer", module) for module in _all() if hasattr(module, "ROUTES")]


@cache
def late_modules() -> dict[str, LateModule]:
    """Load all late observers, by name."""
    late = [module for module in _all() if hasattr(module, "observer")]
    return {module.__name__.rpartition(".")[2]: cast("LateModule", module) for module in late}


def expected(route: Route) -> list[Stage]:
    """List the stages that a run must show by itself; one that is missing was not reached."""
    found = {stage for each in observers() if route in each.ROUTES for stage in each.STAGES}
    return [stage for stage in Stage if stage in found]


def visible(route: Route, late: Iterable[str] = ()) -> dict[Stage, list[Source]]:
    """List the stages that can be observed on a path, with their sources, in pipeline order.

    Args:
        route: delivery path.
        late: names of the late observers in use.
    """
    asked = [(each.SOURCE, each.STAGES) for each in observers() if route in each.ROUTES]
    asked += [(late_modules()[name].SOURCE, late_modules()[name].STAGES) for name in late]
    found = {stage: [source for source, stages in asked if stage in stages] for stage in Stage}
    return {stage: sources for stage, sources in found.items() if sources}


def observe(evidence: Evidence) -> Seen:
    """Measure the seconds of every stage that the evidence shows."""
    found: dict[Stage, dict[Source, float]] = {}
    for observer in observers():
        for stage, seconds in observer.stages(evidence).items():
            found.setdefault(stage, {})[observer.SOURCE] = seconds
    return {stage: found[stage] for stage in Stage if stage in found}


def _all() -> list[ModuleType]:
    return list(modules(sys.modules[__name__]).values())
