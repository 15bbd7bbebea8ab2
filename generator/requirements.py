"""Requirement coverage: SLOs, alerts and recordings that claim to cover a requirement."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slos.schema.accepted import AcceptedCriterion, merge_accepted
from slos.schema.problem import Position, Problem, ProblemSeverity
from slos.schema.spec import LocatedSpec, Requirement, SloSpec
from slos.schema.standalone import StandaloneAlert, StandaloneRecording
from slos.schema.yaml.document import Location

Watcher = SloSpec | StandaloneAlert | StandaloneRecording


@dataclass(frozen=True, slots=True)
class LocatedRequirement:
    """Requirement and its position in a spec file."""

    requirement: Requirement
    position: Position


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
    position: Position
    watcher: Watcher
    service: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """Requirements of a run and the claims that cover them.

    Attributes:
        requirements: requirements with their positions.
        claims: claims of SLOs, alerts and recordings.
        sources: origin of metrics by selectors with the prefix of their names.
        recordings: recordings of all specs.
        accepted: criteria whose failure the specs accept.
    """

    requirements: tuple[LocatedRequirement, ...] = ()
    claims: tuple[Claim, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    recordings: tuple[StandaloneRecording, ...] = ()
    accepted: tuple[AcceptedCriterion, ...] = ()

    def __add__(self, other: "Coverage") -> "Coverage":
        return Coverage(
            self.requirements + other.requirements,
            self.claims + other.claims,
            {**self.sources, **other.sources},
            self.recordings + other.recordings,
            merge_accepted([self.accepted, other.accepted]),
        )

    def list_claims(self, requirement: str) -> list[Claim]:
        """Claims that cover a requirement, in the order of the specs."""
        return [claim for claim in self.claims if claim.requirement == requirement]

    def list_accepted(self, requirement: Requirement) -> list[AcceptedCriterion]:
        """Entries of the specs that accept the failure of a criterion of a requirement."""
        criteria: Sequence[str] = requirement.criteria or [requirement.id]
        return [entry for entry in self.accepted if entry.criterion in criteria]


def collect_coverage(specs: Iterable[LocatedSpec]) -> Coverage:
    """Collect the requirements and claims of specs."""
    total = Coverage()
    for located in specs:
        requirements = (
            LocatedRequirement(requirement, located.find_position(("requirements", index, "id")))
            for index, requirement in enumerate(located.spec.requirements)
        )
        claims = (
            Claim(
                each, located.find_position((*path, "covers", index)), watcher, located.spec.service
            )
            for watcher, path in _list_watchers(located)
            for index, each in enumerate(watcher.covers)
        )
        total += Coverage(
            tuple(requirements),
            tuple(claims),
            located.spec.sources,
            tuple(located.spec.recordings),
            merge_accepted([located.spec.accepted]),
        )
    return total


def find_coverage_problems(coverage: Coverage) -> Iterator[Problem]:
    """Find requirements that nothing covers, duplicate ones, and claims of unknown ones."""
    yield from _find_duplicates(coverage.requirements)
    known = {asked.requirement.id for asked in coverage.requirements}
    if known:  # a single spec may be read without the file that lists the requirements
        yield from _find_unknown_claims(coverage.claims, sorted(known))
    for located in coverage.requirements:
        if (
            not coverage.list_claims(located.requirement.id)
            and not located.requirement.validated_by
        ):
            yield Problem(
                located.position,
                f"requirement {located.requirement.id!r} is not covered",
                "add its id to 'covers' of an SLO or alert, or set 'validated_by'",
                ProblemSeverity.WARNING,
            )


def _find_duplicates(requirements: Iterable[LocatedRequirement]) -> Iterator[Problem]:
    positions: dict[str, Position] = {}
    for each in requirements:
        first_position = positions.setdefault(each.requirement.id, each.position)
        if first_position != each.position:
            message = f"duplicate requirement {each.requirement.id!r}"
            yield Problem(
                each.position, message, f"first defined at {first_position}; rename one of them"
            )


def _find_unknown_claims(claims: Iterable[Claim], known: Sequence[str]) -> Iterator[Problem]:
    for claim in claims:
        if claim.requirement not in known:
            (near, *_) = [*difflib.get_close_matches(claim.requirement, known, 1), ""]
            hint = f"did you mean {near!r}?" if near else "add it to 'requirements'"
            yield Problem(claim.position, f"unknown requirement {claim.requirement!r}", hint)


def _list_watchers(located: LocatedSpec) -> Iterator[tuple[Watcher, Location]]:
    spec = located.spec
    for index, slo in enumerate(spec.slos):
        yield slo, ("slos", index)
    for index, alert in enumerate(spec.alerts):
        yield alert, ("alerts", index)
    for index, recording in enumerate(spec.recordings):
        yield recording, ("recordings", index)
