"""The whole program without the disk: sources in, artifacts and problems out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from generator.model import SLO, Artifact, Plan
from generator.outputs import OutputSettings, formats
from generator.profiles import profiles
from generator.resolve import Defaults, resolve
from slos.schema.parse import LocatedSpec, parse_specs
from slos.schema.problem import Position, Problem, errors, in_order


@dataclass(frozen=True, slots=True)
class Source:
    """A spec file as read.

    Attributes:
        shown: its name in problems, as the user would type it.
        path: its path below the input; outputs are named after it.
        data: its bytes.
    """

    shown: str
    path: PurePosixPath
    data: bytes


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run can be told."""

    profile: str = "exact"
    lenient: bool = False
    defaults: Defaults = field(default_factory=Defaults)
    output: OutputSettings = field(default_factory=OutputSettings)


@dataclass(frozen=True, slots=True)
class Plans:
    """What specs come to, before any format, and everything that was found on the way."""

    plans: tuple[Plan, ...]
    slos: tuple[SLO, ...]
    problems: tuple[Problem, ...]

    @property
    def broken(self) -> bool:
        """Whether some problem stops the build."""
        return bool(errors(self.problems))


def plan(sources: Sequence[Source], settings: Settings) -> Plans:
    """Read, resolve and plan every source; all problems of all sources at once."""
    plans, every_slo, problems = [], [], list(_colliding(sources))
    seen: dict[str, Position] = {}
    profile = profiles()[settings.profile]
    for source in sorted(sources, key=lambda source: str(source.path)):
        located, found = parse_specs(source.data, source.shown, lenient=settings.lenient)
        slos, more = _resolved(located, settings.defaults)
        problems += [*found, *more, *_duplicates(located, seen)]
        every_slo += slos
        groups = tuple(group for slo in slos for group in profile.plan(slo))
        file = source.path.with_suffix(".yaml")
        plans.append(Plan(file, (str(source.path),), groups))
    return Plans(tuple(plans), tuple(every_slo), tuple(in_order(problems)))


def render_folder(plans: Sequence[Plan], format_: str, settings: Settings) -> list[Artifact]:
    """The files of one format, one for each plan and what goes with them."""
    chosen = formats()[format_]
    artifacts = [chosen.render(plan, settings.output) for plan in plans]
    return [*artifacts, *chosen.index(artifacts)]


def render_one(
    plans: Sequence[Plan], format_: str, settings: Settings, *, path: PurePosixPath
) -> Artifact:
    """All plans in one file, and in one YAML document."""
    sources = tuple(source for plan in plans for source in plan.sources)
    groups = tuple(group for plan in plans for group in plan.groups)
    return formats()[format_].render(Plan(path, sources, groups), settings.output)


def _resolved(
    located: Iterable[LocatedSpec], defaults: Defaults
) -> tuple[list[SLO], list[Problem]]:
    slos, problems = [], []
    for spec in located:
        found, more = resolve(spec, defaults)
        slos += found
        problems += more
    return slos, problems


def _duplicates(located: Iterable[LocatedSpec], seen: dict[str, Position]) -> list[Problem]:
    """SLO ids must be unique over all files, or their series would mix."""
    problems = []
    for spec in located:
        for index, slo in enumerate(spec.spec.slos):
            slo_id = f"{spec.spec.service}-{slo.name}"
            at = spec.document.at(("slos", index, "name"))
            first = seen.setdefault(slo_id, at)
            if first != at:
                hint = f"the first one is at {first}; rename one of them"
                problems.append(Problem(at, f"the SLO id {slo_id!r} is taken", hint))
    return problems


def _colliding(sources: Iterable[Source]) -> list[Problem]:
    """Two specs whose outputs would be the same file."""
    first: dict[PurePosixPath, Source] = {}
    problems = []
    for source in sources:
        other = first.setdefault(source.path.with_suffix(""), source)
        if other is not source:
            message = f"its output would overwrite that of {other.shown}"
            problems.append(Problem(Position(source.shown), message, "rename one of the files"))
    return problems
