"""Pipeline from spec files to artifacts and problems, without reading or writing files."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from generator import requirements, sli_plugins
from generator.collisions import NameRegistry, SpecNames, collect_names
from generator.lint import _run
from generator.missing_series import find_parts_without_series, list_queries, list_read_names
from generator.model import (
    SLO,
    AlertingRule,
    Artifact,
    Engine,
    PackedArtifact,
    Plan,
    RecordingRule,
    SpecFile,
    SpecPlan,
)
from generator.outputs import OutputSettings, _objects, load_formats
from generator.profiles import ResolvedSLO, load_profiles
from generator.requirements import Coverage, collect_coverage
from generator.settings import RunSettings
from generator.sli_plugins import SliPlugin
from slos.schema.compatibility import OLDEST_VERSION
from slos.schema.fields import FULL_OBJECTIVE
from slos.schema.inventory import Inventory
from slos.schema.loader import parse_specs
from slos.schema.openslo import INDICATORS, list_indicators
from slos.schema.problem import Position, Problem, filter_errors, sort_problems
from slos.schema.spec import LocatedSpec
from slos.schema.yaml.document import (
    Document,
    find_parts_with,
    read_documents,
)

# As the keys are written in every dialect; without them a source has no such part.
RECORDINGS = b"recordings"
_NO_SLOS_HINT = (
    "add a spec with 'version: prometheus/v1' and a list 'slos'; slo-rules init writes an example"
)
_INDICATOR_REF = b"indicatorRef"
_INDICATORS = re.compile(rb"indicatorRef|\bSLI\b")


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """Settings of a build.

    Attributes:
        profile: name of the rule profile.
        lenient: whether unknown keys of specs are ignored.
        prometheus_version: oldest major version of Prometheus that runs the rules.
        recordings: whether recording rules are built.
        alerts: whether alerting rules are built.
        run_settings: settings that apply to every SLO.
        output: settings of the output formats.
        sli_plugins: SLI plugins by id.
        indicators: indicators of OpenSLO by name, to which SLOs refer; None for one left out.
        inventory: series of a prober; parts of specs that it does not serve are left out.
    """

    profile: str = "exact"
    lenient: bool = False
    prometheus_version: int = OLDEST_VERSION
    recordings: bool = True
    alerts: bool = True
    run_settings: RunSettings = field(default_factory=RunSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    sli_plugins: Mapping[str, SliPlugin] = field(default_factory=dict)
    indicators: Mapping[str, Document | None] = field(default_factory=dict)
    inventory: Inventory | None = None


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Plan of a build before any output format.

    Attributes:
        plans: one plan for each spec file.
        slos: resolved SLOs of all files.
        coverage: requirements and the claims that cover them.
        problems: errors and warnings of all files.
        left_out_errors: errors of what was left out of the plan, so that the rest is built.
        left_out_names: ids of SLOs and metrics of recordings that were left out.
        plans_by_engine: plans for the other engines of a build with several formats.
        rendered: files of each format about single plans, where they were rendered with the plans.
        entries: what the next build may know of each spec file, by digest.
    """

    plans: tuple[Plan, ...]
    slos: tuple[ResolvedSLO, ...]
    coverage: Coverage
    problems: tuple[Problem, ...]
    left_out_errors: tuple[Problem, ...] = ()
    left_out_names: frozenset[str] = frozenset()
    plans_by_engine: Mapping[Engine, tuple[Plan, ...]] = field(default_factory=dict)
    rendered: Mapping[str, Sequence[PackedArtifact]] | None = None
    entries: Mapping[str, dict[str, Any]] | None = None

    @property
    def has_errors(self) -> bool:
        """Tell whether a problem is an error, which stops the build."""
        return bool(filter_errors(self.problems))

    @property
    def all_problems(self) -> list[Problem]:
        """List the problems of the plan and the errors of what was left out."""
        return sort_problems((*self.problems, *self.left_out_errors))


@dataclass(frozen=True, slots=True)
class BuildInput:
    """Spec files of a run, and what each of them needs of the others.

    Attributes:
        sources: spec files in the order of their names.
        settings: settings of the build, with the indicators and recorded metrics of all files.
        parsed: files with recordings, which are parsed before the others.
    """

    sources: tuple[SpecFile, ...]
    settings: BuildSettings
    parsed: dict[SpecFile, tuple[list[LocatedSpec], list[Problem]]]


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """Plan of one spec file, and what the checks of the whole run need of it.

    Attributes:
        path: output file.
        plan: plan of the file; None without specs, or where it is not needed any more.
        slos: resolved SLOs.
        problems: problems of the file alone.
        names: names of its specs; None without specs.
        coverage: requirements of the file, and the claims that cover them.
        specs: its specs for checks across specs.
        is_independent: whether the plan is the same whatever the other files have.
        inhibits: whether an alert inhibits others, so that checks read the specs of all files.
    """

    path: PurePosixPath
    plan: Plan | None
    slos: tuple[ResolvedSLO, ...]
    problems: tuple[Problem, ...]
    names: SpecNames | None
    coverage: Coverage
    specs: tuple[_run.SpecInRun, ...]
    is_independent: bool
    inhibits: bool = False


def plan_build(
    sources: Sequence[SpecFile],
    settings: BuildSettings,
    *,
    is_partial: bool = False,
    lost_names: AbstractSet[str] = frozenset(),
) -> BuildPlan:
    """Read, resolve and plan every source; report the problems of all sources together.

    Args:
        sources: spec files.
        settings: settings of the build.
        is_partial: whether parts of the specs are left out.
        lost_names: metrics and SLO ids that are left out; reading their series is an error.
    """
    run = prepare_run(sources, settings)
    source_plans = [plan_source(source, run, lost_names) for source in run.sources]
    return merge_source_plans(source_plans, run, is_partial=is_partial)


def prepare_run(sources: Sequence[SpecFile], settings: BuildSettings) -> BuildInput:
    """Collect what the plan of each source depends on in other sources."""
    indicators = {**settings.indicators, **collect_indicators(sources)}
    settings = replace(settings, indicators=indicators)
    sources = _leave_out_without_series(sources, settings)
    sorted_sources = tuple(sorted(sources, key=lambda source: str(source.path)))
    # The recorded metrics of all specs must be known before the first is checked. Only files with
    # recordings are parsed early: the positions of a spec's keys take more memory than its plan.
    parsed = {s: parse_source(s, settings) for s in sorted_sources if RECORDINGS in s.data}
    recorded_metrics = _list_recorded_metrics(
        spec for located, _ in parsed.values() for spec in located
    )
    run_settings = replace(settings.run_settings, recorded_metrics=recorded_metrics)
    return BuildInput(sorted_sources, replace(settings, run_settings=run_settings), parsed)


def plan_source(
    source: SpecFile, run: BuildInput, lost_names: AbstractSet[str] = frozenset()
) -> SourcePlan:
    """Plan one spec file of a run."""
    settings, run_settings = run.settings, run.settings.run_settings
    profile = load_profiles()[settings.profile]
    located, found = (
        run.parsed.pop(source) if source in run.parsed else parse_source(source, settings)
    )
    specs, plugin_problems = apply_sli_plugins(located, settings.sli_plugins)
    problems = [*found, *plugin_problems]
    results = [profile.plan_spec(spec, run_settings) for spec in specs]
    specs_in_run = []
    for spec, each in zip(specs, results, strict=True):
        exact = _select_exact_slos(each.slos)
        index = _find_spec_index(spec, located)
        specs_in_run.append(_run.build_spec_in_run(index, spec, exact))
        problems += _find_lost_names(spec, lost_names)
        problems += spec.respell_keys(each.problems)
        if profile.CHECKED:
            problems += spec.respell_keys(_run.lint_planned_spec(spec, exact, run_settings))
    path = _choose_output_path(source, as_written=profile.AS_WRITTEN)
    spec_plans = tuple(_select_rules(each.spec_plan, settings) for each in results)
    coverage = collect_coverage(located)
    inhibits = any(alert.inhibits for spec in specs for alert in spec.spec.alerts)
    return SourcePlan(
        path=path,
        plan=Plan(path, (str(source.path),), spec_plans) if spec_plans else None,
        slos=tuple(slo for each in results for slo in each.slos),
        problems=tuple(problems),
        names=_collect_names(located, path, settings) if located else None,
        coverage=coverage,
        specs=tuple(specs_in_run),
        is_independent=not (
            coverage.requirements
            or coverage.claims
            or inhibits
            or any(spec is not each for spec, each in zip(specs, located, strict=False))
            or _INDICATORS.search(source.data)
        ),
        inhibits=inhibits,
    )


def _collect_names(
    located: Sequence[LocatedSpec], path: PurePosixPath, settings: BuildSettings
) -> SpecNames:
    names_objects = not load_profiles()[settings.profile].AS_WRITTEN
    return collect_names(located, path, settings.output.namespace, names_objects=names_objects)


def merge_source_plans(
    source_plans: Sequence[SourcePlan], run: BuildInput, *, is_partial: bool = False
) -> BuildPlan:
    """Merge the plans of all sources, and check what they have in common."""
    registry, coverage = NameRegistry(), Coverage()
    problems: list[Problem] = []
    specs: list[tuple[SpecFile, _run.SpecInRun]] = []
    for source, each in zip(run.sources, source_plans, strict=True):
        problems += each.problems
        if each.names:
            problems += registry.add_names(each.names, source.display_name, each.path)
        coverage += each.coverage
        specs += [(source, spec) for spec in each.specs]

    def read_again(number: int) -> LocatedSpec:
        source, spec = specs[number]
        return parse_source(source, run.settings)[0][spec.index]

    problems += requirements.find_coverage_problems(coverage)
    problems += _check_rule_selection(run.settings)
    problems += _run.lint_run([spec for _, spec in specs], run.settings.run_settings, read_again)
    if run.sources and not specs and not is_partial and not filter_errors(problems):
        position = Position(run.sources[0].display_name)
        problems.append(Problem(position, "no document has SLOs", _NO_SLOS_HINT))
    if run.settings.inventory:  # warnings about the rest of specs are those of a build of all parts
        problems = filter_errors(problems)
    merged = sort_problems(_run.merge_repeats(sort_problems(problems)))
    plans = tuple(each.plan for each in source_plans if each.plan)
    slos = tuple(slo for each in source_plans for slo in each.slos)
    return BuildPlan(plans, slos, coverage, tuple(merged))


def _leave_out_without_series(
    sources: Sequence[SpecFile], settings: BuildSettings
) -> Sequence[SpecFile]:
    """Leave out the parts of specs whose series the prober of the inventory does not export."""
    if not settings.inventory:
        return sources
    specs = [spec for source in sources for spec in parse_source(source, settings)[0]]
    applied, _ = apply_sli_plugins(specs, settings.sli_plugins)
    without_series = find_parts_without_series(applied, settings.inventory)
    kept = (
        leave_out_parts(source, without_series.get(source.display_name, ())) for source in sources
    )
    return [source for source in kept if source]


def leave_out_parts(source: SpecFile, positions: Sequence[Position]) -> SpecFile | None:
    """Leave out the parts of a source at some positions; None if nothing remains."""
    if not positions:
        return source
    parts = find_parts_with(source.data, positions, source.left_out)
    return replace(source, left_out=source.left_out | parts) if parts else None


def _find_lost_names(located: LocatedSpec, lost: AbstractSet[str]) -> Iterator[Problem]:
    """Find queries that read series of recordings or SLOs that are left out."""
    if not lost:
        return
    for location, query in list_queries(located.spec):
        for name in sorted(lost & set(list_read_names(query))):
            message = f"the query reads series of {name}, which has an error and is left out"
            yield Problem(located.find_position(location), message, f"correct {name}")


def collect_indicators(sources: Iterable[SpecFile]) -> dict[str, Document]:
    """Collect the indicators in specs of OpenSLO that SLOs in any of them refer to by name."""
    sources = [source for source in sources if _INDICATORS.search(source.data)]
    if not any(_INDICATOR_REF in source.data for source in sources):
        return {}
    return list_indicators(
        document
        for source in sources
        for document in read_documents(source.data, source.display_name, left_out=source.left_out)[
            0
        ]
    )


def render_folder(
    plans: Sequence[Plan],
    format_: str,
    settings: BuildSettings,
    *,
    rendered: Iterable[Artifact] | None = None,
) -> Iterator[Artifact]:
    """Artifacts of one format: those of each plan, those of all plans, and the kustomization.

    Args:
        plans: plans of the run.
        format_: output format.
        settings: settings of the build.
        rendered: artifacts of each plan, where they were rendered before.
    """
    output_format = load_formats()[format_]
    each_plan = chain.from_iterable(
        output_format.render_plan(plan, settings.output) for plan in plans
    )
    of_run = output_format.render_run(plans, settings.output) if output_format.render_run else ()
    object_files = []
    for artifact in chain(each_plan if rendered is None else rendered, of_run):
        if artifact.is_object:
            object_files.append(artifact.path)
        yield artifact
    if object_files:
        yield _objects.build_kustomization(object_files)


def render_file(
    plans: Sequence[Plan], format_: str, settings: BuildSettings, *, path: PurePosixPath
) -> Artifact:
    """Artifact with all plans in one file: one YAML document, or one for each object."""
    sources = tuple(source for plan in plans for source in plan.sources)
    spec_plans = tuple(part for plan in plans for part in plan.spec_plans)
    plan = Plan(path, sources, spec_plans)
    artifacts = load_formats()[format_].render_plan(plan, settings.output)
    return Artifact(path, "---\n".join(artifact.text for artifact in artifacts))


def apply_sli_plugins(
    located: Iterable[LocatedSpec], plugins: Mapping[str, SliPlugin]
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Put the queries that SLI plugins write into specs; leave out specs whose plugins fail."""
    specs, problems = [], []
    for each in located:
        spec, found = sli_plugins.apply_plugins(each, plugins)
        specs += [spec] if spec else []
        problems += found
    return specs, problems


def parse_source(
    source: SpecFile, settings: BuildSettings
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Parse the specs of a file, and complete their links from the settings of the run."""
    located, problems = parse_specs(
        source.data,
        source.display_name,
        lenient=settings.lenient,
        prometheus_version=settings.prometheus_version,
        left_out=source.left_out,
        context={
            INDICATORS: settings.indicators,
            FULL_OBJECTIVE: load_profiles()[settings.profile].FULL_OBJECTIVE,
        },
    )
    links = settings.run_settings.links
    return [_complete_links(each, links) for each in located] if links else located, problems


def _complete_links(located: LocatedSpec, links: Mapping[str, str]) -> LocatedSpec:
    missing = {key: link for key, link in links.items() if not getattr(located.spec, key)}
    return replace(located, spec=located.spec.model_copy(update=missing))


def _find_spec_index(spec: LocatedSpec, located: Sequence[LocatedSpec]) -> int:
    """Index of a spec in its source; it is found by document, as plugins replace the spec."""
    return next(n for n, each in enumerate(located) if each.document is spec.document)


def _list_recorded_metrics(specs: Iterable[LocatedSpec]) -> frozenset[str]:
    """Metrics of the standalone recordings of specs."""
    return frozenset(each.record for located in specs for each in located.spec.recordings)


def _select_exact_slos(slos: Iterable[ResolvedSLO]) -> list[SLO]:
    return [slo for slo in slos if isinstance(slo, SLO)]


def _select_rules(spec_plan: SpecPlan, settings: BuildSettings) -> SpecPlan:
    """Remove the recordings or alerts that are disabled, and groups without rules."""
    if settings.recordings and settings.alerts:
        return spec_plan
    kinds = RecordingRule if settings.recordings else AlertingRule if settings.alerts else ()
    groups = [
        replace(group, rules=tuple(rule for rule in group.rules if isinstance(rule, kinds)))
        for group in spec_plan.groups
    ]
    return replace(spec_plan, groups=tuple(group for group in groups if group.rules))


def _check_rule_selection(settings: BuildSettings) -> Iterator[Problem]:
    if not (settings.recordings or settings.alerts):
        message = "no rules are built with --disable-recordings and --disable-alerts"
        yield Problem(Position("--disable-alerts"), message, "remove one of the options")


def _choose_output_path(source: SpecFile, *, as_written: bool) -> PurePosixPath:
    is_yaml = source.path.suffix.lower() in {".yaml", ".yml"}
    return source.path if as_written and is_yaml else source.path.with_suffix(".yaml")
