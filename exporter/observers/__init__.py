"""API and registry of observers, the sources of stage times: one plug-in file each.

Every observer has a `SOURCE`, the value of the label `source`, and its `STAGES`: how accurate it is
for each stage that it can measure. An observer of the evidence of a run has
`measure_stages(evidence)`, a pure function, and `PATHS`. A remote observer asks another
system: it has `Settings`, `find_problems` and `open_observer`, and is polled after the run
(`exporter/prober/reconciler.py`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol, cast

from exporter.fields import Section
from exporter.model.bounds import Bounds
from exporter.model.evidence import Evidence
from exporter.model.run import Leftover
from exporter.model.stages import Accuracy, StageTimes, register_source
from slos.schema.contract import IssueCount, LeftoverKind, Stage
from slos.schema.plugin_loader import load_modules_by_id


class EvidenceObserver(Protocol):
    """API of the file of an observer of evidence."""

    SOURCE: str
    STAGES: Mapping[Stage, Accuracy]
    PATHS: Collection[str] | None
    """Delivery paths on which it can measure the stages; None for all."""
    measure_stages: Callable[[Evidence], dict[Stage, Bounds]]


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Query for a run about which more may become known.

    Attributes:
        id: run id.
        names: ids under which other systems know the run, its own first.
        trace_id: id of the trace it was sent with, if there is one.
        intended_at: wall clock seconds of the intended send.
        end_to_end: seconds from the intended send to the answer of the function, if it was called.
        is_traceable: whether one of the names is that under which agent-sre knows the event.
    """

    id: str
    names: tuple[str, ...]
    trace_id: str | None
    intended_at: float
    end_to_end: Bounds | None = None
    is_traceable: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """Observation of a run by a remote observer.

    Attributes:
        id: run id.
        stages: time of each stage that was measured.
        leftovers: leftovers of the run that must be cleaned up.
        issues: how many Linear issues it opened, where that is known.
        is_final: whether another query would give nothing new.
        is_untraceable: whether it may have leftovers that cannot be found.
    """

    id: str
    stages: Mapping[Stage, Bounds] = field(default_factory=dict)
    leftovers: tuple[Leftover, ...] = ()
    issues: IssueCount | None = None
    is_final: bool = True
    is_untraceable: bool = False


class RemoteObserver(Protocol):
    """Observer that queries another system after the run."""

    interval: float
    """Seconds between two queries."""
    usual_delay: float
    """Seconds after a run within which its observation is normally final."""
    max_delay: float
    """Seconds after a run after which nothing more is expected."""
    is_failing: bool
    """The last query was not answered, or was refused."""
    leftover_kind: LeftoverKind | None
    """Kind of leftover that it can clean up."""

    async def observe(self, queries: Sequence[RunQuery]) -> Sequence[Observation]:
        """Observe some runs; a run left out of the result is not known yet. Never raises."""

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """Clean up leftovers; return those that could not be cleaned up."""

    async def find_orphans(self, sent_before: float) -> Sequence[Leftover]:
        """Find leftovers of all runs sent before a time, whether or not the journal knows them."""


class RemoteObserverModule(Protocol):
    """API of the file of a remote observer."""

    SOURCE: str
    STAGES: Mapping[Stage, Accuracy]
    Settings: type[Section]
    open_observer: Callable[..., AbstractAsyncContextManager[RemoteObserver]]
    """Opens the observer; takes settings, and by name `folder`, `clock`, `gauges` and `state`,
    which outlives a reload."""
    find_problems: Callable[[Section, Path], Iterable[tuple[str, str, str]]]
    """Finds mistakes in the files that settings name, as key, message and hint."""


@cache
def load_evidence_observers() -> list[EvidenceObserver]:
    """Load all observers of evidence, by name."""
    return [
        cast("EvidenceObserver", module)
        for module in load_modules_by_id(__name__, "SOURCE").values()
        if hasattr(module, "PATHS")
    ]


@cache
def load_remote_modules() -> dict[str, RemoteObserverModule]:
    """Load all remote observers, by the value of the label `source`."""
    return {
        source: cast("RemoteObserverModule", module)
        for source, module in load_modules_by_id(__name__, "SOURCE").items()
        if hasattr(module, "open_observer")
    }


def list_expected_stages(path: str) -> list[Stage]:
    """List the stages that a run must show by itself; one that is missing was not reached."""
    found = {
        stage
        for observer in load_evidence_observers()
        if _can_measure(observer, path)
        for stage in observer.STAGES
    }
    return [stage for stage in Stage if stage in found]


def list_visible_stages(path: str, remote_names: Iterable[str] = ()) -> dict[Stage, list[str]]:
    """List the stages that can be observed on a path, with their sources, in pipeline order.

    Args:
        path: delivery path.
        remote_names: names of the remote observers in use.
    """
    observers_used = [
        (observer.SOURCE, observer.STAGES)
        for observer in load_evidence_observers()
        if _can_measure(observer, path)
    ]
    observers_used += [
        (load_remote_modules()[name].SOURCE, load_remote_modules()[name].STAGES)
        for name in remote_names
    ]
    found = {
        stage: [source for source, stages in observers_used if stage in stages] for stage in Stage
    }
    return {stage: sources for stage, sources in found.items() if sources}


def observe_evidence(evidence: Evidence) -> StageTimes:
    """Measure every stage that the evidence shows."""
    found: dict[Stage, dict[str, Bounds]] = {}
    for observer in load_evidence_observers():
        for stage, bounds in observer.measure_stages(evidence).items():
            found.setdefault(stage, {})[observer.SOURCE] = bounds
    return {stage: found[stage] for stage in Stage if stage in found}


def _can_measure(observer: EvidenceObserver, path: str) -> bool:
    return observer.PATHS is None or path in observer.PATHS


def _register_sources() -> None:
    for source, module in load_modules_by_id(__name__, "SOURCE").items():
        register_source(source, module.STAGES, is_remote=source in load_remote_modules())


_register_sources()
