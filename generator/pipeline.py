"""Pipeline from spec files to artifacts and problems, without reading or writing files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath

from generator import requirements, sli_plugins
from generator.lint import _run
from generator.model import SLO, AlertingRule, Artifact, Part, Plan, RecordingRule, Source
from generator.outputs import OutputSettings, formats
from generator.profiles import ResolvedSLO, profiles
from generator.requirements import Coverage, coverage
from generator.settings import Defaults
from generator.sli_plugins import SliPlugin
from slos.schema.loader import parse_specs
from slos.schema.problem import Position, Problem, errors, in_order
from slos.schema.promql import label_set
from slos.schema.spec import LocatedSpec
from slos.schema.yaml.document import Location

# As the key is written in every dialect; without it a source records nothing.
_RECORDINGS = b"recordings"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a build.

    Attributes:
        profile: name of the rule profile.
        lenient: whether unknown keys of specs are ignored.
        recordings: whether recording rules are built.
        alerts: whether alerting rules are built.
        run_settings: settings that apply to every SLO.
        output: settings of the output formats.
        sli_plugins: SLI plugins by id.
    """

    profile: str = "exact"
    lenient: bool = False
    recordings: bool = True
    alerts: bool = True
    defaults: Defaults = field(default_factory=Defaults)
    output: OutputSettings = field(default_factory=OutputSettings)
    sli_plugins: Mapping[str, SliPlugin] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plans:
    """Plan of a build before any output format.

    Attributes:
        plans: one plan for each spec file.
        slos: resolved SLOs of all files.
        coverage: requirements and the claims that cover them.
        problems: errors and warnings of all files.
    """

    plans: tuple[Plan, ...]
    slos: tuple[ResolvedSLO, ...]
    coverage: Coverage
    problems: tuple[Problem, ...]

    @property
    def broken(self) -> bool:
        """Tell whether a problem is an error, which stops the build."""
        return bool(errors(self.problems))


def plan(sources: Sequence[Source], settings: Settings) -> Plans:
    """Read, resolve and plan every source; report the problems of all sources together."""
    profile = profiles()[settings.profile]
    outputs = {source: _output(source, as_written=profile.AS_WRITTEN) for source in sources}
    plans, every_slo, problems = [], [], list(_colliding(outputs))
    seen: dict[str, Position] = {}
    covered = Coverage()
    in_order_of_names = sorted(sources, key=lambda source: str(source.path))
    # The recorded metrics of all specs must be known before the first is checked. Only files with
    # recordings are parsed early: the positions of a spec's keys take more memory than its plan.
    early = {s: _read(s, settings) for s in in_order_of_names if _RECORDINGS in s.data}
    recorded = _recorded(spec for located, _ in early.values() for spec in located)
    defaults = replace(settings.defaults, recorded=recorded)
    beside: list[_run.Beside] = []
    for source in in_order_of_names:
        located, found = early.pop(source) if source in early else _read(source, settings)
        ready, more = called(located, settings.sli_plugins)
        planned = [profile.plan(spec, defaults) for spec in ready]
        for spec, each in zip(ready, planned, strict=True):
            again = partial(_read_again, source, settings, _place(spec, located))
            beside.append(_run.beside(len(beside), spec, _exact(each.slos), again))
        problems += [*found, *more, *_duplicates(located, seen)]
        covered += coverage(located)
        for spec, each in zip(ready, planned, strict=True):
            problems += each.problems
            if profile.CHECKED:
                problems += _run.of_planned(spec, _exact(each.slos), defaults)
        every_slo += [slo for each in planned for slo in each.slos]
        parts = tuple(_wanted(each.part, settings) for each in planned)
        plans.append(Plan(outputs[source], (str(source.path),), parts))
    problems += [*requirements.problems(covered), *_nothing_wanted(settings)]
    problems += _run.of_run(beside, defaults)
    return Plans(tuple(plans), tuple(every_slo), covered, tuple(in_order(problems)))


def render_folder(plans: Sequence[Plan], format_: str, settings: Settings) -> Iterator[Artifact]:
    """Artifacts of one format: those of each plan, and those of all plans together."""
    chosen = formats()[format_]
    for plan in plans:
        yield from chosen.render(plan, settings.output)
    yield from chosen.of_run(plans, settings.output)


def render_one(
    plans: Sequence[Plan], format_: str, settings: Settings, *, path: PurePosixPath
) -> Artifact:
    """Artifact with all plans in one file and one YAML document."""
    sources = tuple(source for plan in plans for source in plan.sources)
    parts = tuple(part for plan in plans for part in plan.parts)
    (artifact,) = formats()[format_].render(Plan(path, sources, parts), settings.output)
    return artifact


def called(
    located: Iterable[LocatedSpec], plugins: Mapping[str, SliPlugin]
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Put the queries that SLI plugins write into specs; leave out specs whose plugins fail."""
    ready, problems = [], []
    for each in located:
        spec, found = sli_plugins.called(each, plugins)
        ready += [spec] if spec else []
        problems += found
    return ready, problems


def _read(source: Source, settings: Settings) -> tuple[list[LocatedSpec], list[Problem]]:
    return parse_specs(source.data, source.shown, lenient=settings.lenient)


def _read_again(source: Source, settings: Settings, place: int) -> LocatedSpec:
    return _read(source, settings)[0][place]


def _place(spec: LocatedSpec, located: Sequence[LocatedSpec]) -> int:
    """Index of a spec in its source; it is found by document, as plugins replace the spec."""
    return next(n for n, each in enumerate(located) if each.document is spec.document)


def _recorded(specs: Iterable[LocatedSpec]) -> frozenset[str]:
    """Metrics of the standalone recordings of specs."""
    return frozenset(each.record for located in specs for each in located.spec.recordings)


def _exact(slos: Iterable[ResolvedSLO]) -> list[SLO]:
    return [slo for slo in slos if isinstance(slo, SLO)]


def _duplicates(located: Iterable[LocatedSpec], seen: dict[str, Position]) -> list[Problem]:
    """Find names used twice over all files; series would mix, and silences match both."""
    problems = []
    for spec in located:
        for what, path in _named(spec):
            at = spec.at(path)
            first = seen.setdefault(what, at)
            if first != at:
                hint = f"the first one is at {first}; rename one of them"
                problems.append(Problem(at, f"{what} is taken", hint))
    return problems


def _named(located: LocatedSpec) -> Iterator[tuple[str, Location]]:
    spec = located.spec
    for index, slo in enumerate(spec.slos):
        yield f"the SLO id {f'{spec.service}-{slo.name}'!r}", ("slos", index, "name")
    for index, alert in enumerate(spec.alerts):
        yield f"the alert name {alert.name!r}", ("alerts", index, "name")
    for index, recording in enumerate(spec.recordings):
        series = recording.record + label_set(recording.labels)
        yield f"the series {series}", ("recordings", index, "record")


def _wanted(part: Part, settings: Settings) -> Part:
    """Remove the recordings or alerts that are disabled, and groups without rules."""
    if settings.recordings and settings.alerts:
        return part
    kept = RecordingRule if settings.recordings else AlertingRule if settings.alerts else ()
    groups = [
        replace(group, rules=tuple(rule for rule in group.rules if isinstance(rule, kept)))
        for group in part.groups
    ]
    return replace(part, groups=tuple(group for group in groups if group.rules))


def _nothing_wanted(settings: Settings) -> Iterator[Problem]:
    if not (settings.recordings or settings.alerts):
        message = "without recordings and without alerts there is nothing to build"
        yield Problem(Position("--disable-alerts"), message, "leave out --disable-recordings")


def _output(source: Source, *, as_written: bool) -> PurePosixPath:
    return source.path if as_written else source.path.with_suffix(".yaml")


def _colliding(outputs: Mapping[Source, PurePosixPath]) -> list[Problem]:
    """Find specs whose outputs would be the same file."""
    first: dict[PurePosixPath, Source] = {}
    problems = []
    for source, path in outputs.items():
        other = first.setdefault(path, source)
        if other is not source:
            message = f"its output would overwrite that of {other.shown}"
            problems.append(Problem(Position(source.shown), message, "rename one of the files"))
    return problems
