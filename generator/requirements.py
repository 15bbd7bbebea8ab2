"""Which promise or alert keeps watch over which line of what was asked for."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slos.schema.document import Location
from slos.schema.located import LocatedSpec
from slos.schema.plain import PlainAlert, Recording
from slos.schema.problem import Problem, Severity
from slos.schema.spec import Requirement, SloSpec

Watcher = SloSpec | PlainAlert | Recording


@dataclass(frozen=True, slots=True)
class Watched:
    """A requirement and all that covers it.

    Attributes:
        by: each with the spec it stands in.
    """

    requirement: Requirement
    by: tuple[tuple[LocatedSpec, Watcher], ...]


def watched(specs: Sequence[LocatedSpec]) -> list[Watched]:
    """Every requirement of every spec, in the order they were written."""
    return [
        Watched(
            requirement,
            tuple(
                (located, watcher)
                for located in specs
                for watcher, _ in _watchers(located)
                if requirement.id in watcher.covers
            ),
        )
        for spec in specs
        for requirement in spec.spec.requirements
    ]


def problems(specs: Sequence[LocatedSpec]) -> Iterator[Problem]:
    """Lines nobody watches, and watchers of lines nobody asked for."""
    known: dict[str, str] = {}
    for located in specs:
        for index, requirement in enumerate(located.spec.requirements):
            at = located.at(("requirements", index, "id"))
            first = known.setdefault(requirement.id, str(at))
            if first != str(at):
                message = f"the requirement {requirement.id!r} is taken"
                yield Problem(at, message, f"the first one is at {first}; rename one of them")
    if known:  # one spec alone may be read without the file that lists what was asked for
        yield from _unknown(specs, known)
    covered = {each for spec in specs for watcher, _ in _watchers(spec) for each in watcher.covers}
    for located in specs:
        for index, requirement in enumerate(located.spec.requirements):
            if requirement.id not in covered and not requirement.validated_by:
                yield Problem(
                    located.at(("requirements", index, "id")),
                    f"nothing covers the requirement {requirement.id!r}",
                    "add its id to 'covers' of an SLO or alert, or say 'validated_by'",
                    Severity.WARNING,
                )


def _unknown(specs: Sequence[LocatedSpec], known: Mapping[str, str]) -> Iterator[Problem]:
    for located in specs:
        for watcher, path in _watchers(located):
            for index, each in enumerate(watcher.covers):
                if each not in known:
                    (near, *_) = [*difflib.get_close_matches(each, known, 1), ""]
                    hint = f"did you mean {near!r}?" if near else "add it to 'requirements'"
                    at = located.at((*path, "covers", index))
                    yield Problem(at, f"there is no requirement {each!r}", hint)


def _watchers(located: LocatedSpec) -> Iterator[tuple[Watcher, Location]]:
    spec = located.spec
    for index, slo in enumerate(spec.slos):
        yield slo, ("slos", index)
    for index, alert in enumerate(spec.alerts):
        yield alert, ("alerts", index)
    for index, recording in enumerate(spec.recordings):
        yield recording, ("recordings", index)
