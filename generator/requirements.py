"""Requirement coverage: SLOs, alerts and recordings that claim to cover a requirement."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slos.schema.problem import Position, Problem, Severity
from slos.schema.spec import LocatedSpec, Requirement, SloSpec
from slos.schema.standalone import PlainAlert, Recording
from slos.schema.yaml.document import Location

Watcher = SloSpec | PlainAlert | Recording


@dataclass(frozen=True, slots=True)
class Asked:
    """Requirement and its position in a spec file."""

    requirement: Requirement
    at: Position


@dataclass(frozen=True, slots=True)
class Claim:
    """Entry of a `covers` list: an SLO, alert or recording that covers a requirement.

    Attributes:
        requirement: id of the requirement.
        position: position of the entry.
        watcher: the SLO, alert or recording.
        service: service of its spec.
    """

    requirement: str
    at: Position
    watcher: Watcher
    service: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """Requirements of a run and the claims that cover them.

    Attributes:
        requirements: requirements with their positions.
        claims: claims of SLOs, alerts and recordings.
        sources: origin of metrics by the prefix of their names.
    """

    asked: tuple[Asked, ...] = ()
    claims: tuple[Claim, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: "Coverage") -> "Coverage":
        sources = {**self.sources, **other.sources}
        return Coverage(self.asked + other.asked, self.claims + other.claims, sources)

    def of(self, requirement: str) -> list[Claim]:
        """Claims that cover a requirement, in the order of the specs."""
        return [claim for claim in self.claims if claim.requirement == requirement]


def coverage(specs: Iterable[LocatedSpec]) -> Coverage:
    """Collect the requirements and claims of specs."""
    total = Coverage()
    for located in specs:
        asked = (
            Asked(requirement, located.at(("requirements", index, "id")))
            for index, requirement in enumerate(located.spec.requirements)
        )
        claims = (
            Claim(each, located.at((*path, "covers", index)), watcher, located.spec.service)
            for watcher, path in _watchers(located)
            for index, each in enumerate(watcher.covers)
        )
        total += Coverage(tuple(asked), tuple(claims), located.spec.sources)
    return total


def problems(coverage: Coverage) -> Iterator[Problem]:
    """Find requirements that nothing covers, duplicate ones, and claims of unknown ones."""
    yield from _repeated(coverage.asked)
    known = {asked.requirement.id for asked in coverage.asked}
    if known:  # a single spec may be read without the file that lists the requirements
        yield from _unknown(coverage.claims, sorted(known))
    for asked in coverage.asked:
        if not coverage.of(asked.requirement.id) and not asked.requirement.validated_by:
            yield Problem(
                asked.at,
                f"nothing covers the requirement {asked.requirement.id!r}",
                "add its id to 'covers' of an SLO or alert, or say 'validated_by'",
                Severity.WARNING,
            )


def _repeated(asked: Iterable[Asked]) -> Iterator[Problem]:
    first: dict[str, Position] = {}
    for each in asked:
        before = first.setdefault(each.requirement.id, each.at)
        if before != each.at:
            message = f"the requirement {each.requirement.id!r} is taken"
            yield Problem(each.at, message, f"the first one is at {before}; rename one of them")


def _unknown(claims: Iterable[Claim], known: Sequence[str]) -> Iterator[Problem]:
    for claim in claims:
        if claim.requirement not in known:
            (near, *_) = [*difflib.get_close_matches(claim.requirement, known, 1), ""]
            hint = f"did you mean {near!r}?" if near else "add it to 'requirements'"
            yield Problem(claim.at, f"there is no requirement {claim.requirement!r}", hint)


def _watchers(located: LocatedSpec) -> Iterator[tuple[Watcher, Location]]:
    spec = located.spec
    for index, slo in enumerate(spec.slos):
        yield slo, ("slos", index)
    for index, alert in enumerate(spec.alerts):
        yield alert, ("alerts", index)
    for index, recording in enumerate(spec.recordings):
        yield recording, ("recordings", index)
