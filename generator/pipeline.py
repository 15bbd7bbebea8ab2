"""Pipeline from spec files to artifacts and problems, without reading or writing files."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import PurePosixPath

from generator import requirements, sli_plugins
from generator.collisions import NameRegistry
from generator.lint import _run
from generator.model import SLO, AlertingRule, Artifact, Plan, RecordingRule, SpecFile, SpecPlan
from generator.outputs import OutputSettings, _objects, load_formats
from generator.profiles import ResolvedSLO, load_profiles
from generator.requirements import Coverage, collect_coverage
from generator.served_parts import find_unserved_parts, list_queries, list_read_names
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
        indicators: indicators of OpenSLO by name, to which SLOs refer.
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
    indicators: Mapping[str, Document] = field(default_factory=dict)
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
    """

    plans: tuple[Plan, ...]
    slos: tuple[ResolvedSLO, ...]
    coverage: Coverage
    problems: tuple[Problem, ...]
    left_out_errors: tuple[Problem, ...] = ()

    @property
    def has_errors(self) -> bool:
        """Tell whether a problem is an error, which stops the build."""
        return bool(filter_errors(self.problems))


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
    profile = load_profiles()[settings.profile]
    settings = replace(settings, indicators=collect_indicators(sources))
    sources = _leave_out_unserved(sources, settings)
    plans: list[Plan] = []
    slos: list[ResolvedSLO] = []
    problems: list[Problem] = []
    registry = NameRegistry(settings.output.namespace, names_objects=not profile.AS_WRITTEN)
    coverage = Coverage()
    sorted_sources = sorted(sources, key=lambda source: str(source.path))
    # The recorded metrics of all specs must be known before the first is checked. Only files with
    # recordings are parsed early: the positions of a spec's keys take more memory than its plan.
    parsed = {s: parse_source(s, settings) for s in sorted_sources if RECORDINGS in s.data}
    recorded_metrics = _list_recorded_metrics(
        spec for located, _ in parsed.values() for spec in located
    )
    run_settings = replace(settings.run_settings, recorded_metrics=recorded_metrics)
    specs_in_run: list[_run.SpecInRun] = []
    for source in sorted_sources:
        located, found = parsed.pop(source) if source in parsed else parse_source(source, settings)
        specs, plugin_problems = apply_sli_plugins(located, settings.sli_plugins)
        spec_results = [profile.plan_spec(spec, run_settings) for spec in specs]
        for spec, each in zip(specs, spec_results, strict=True):
            read_again = partial(
                _parse_spec_again, source, settings, _find_spec_index(spec, located)
            )
            specs_in_run.append(
                _run.build_spec_in_run(
                    len(specs_in_run), spec, _select_exact_slos(each.slos), read_again
                )
            )
        problems += [*found, *plugin_problems]
        path = _choose_output_path(source, as_written=profile.AS_WRITTEN)
        problems += registry.add_specs(located, source.display_name, path)
        problems += (each for spec in specs for each in _find_lost_names(spec, lost_names))
        coverage += collect_coverage(located)
        for spec, each in zip(specs, spec_results, strict=True):
            problems += spec.respell_keys(each.problems)
            if profile.CHECKED:
                exact = _select_exact_slos(each.slos)
                lint_problems = _run.lint_planned_spec(spec, exact, run_settings)
                problems += spec.respell_keys(lint_problems)
        slos += [slo for each in spec_results for slo in each.slos]
        spec_plans = tuple(_select_rules(each.spec_plan, settings) for each in spec_results)
        if spec_plans:
            plans.append(Plan(path, (str(source.path),), spec_plans))
    problems += [*requirements.find_coverage_problems(coverage), *_check_rule_selection(settings)]
    problems += _run.lint_run(specs_in_run, run_settings)
    if sorted_sources and not plans and not is_partial and not filter_errors(problems):
        position = Position(sorted_sources[0].display_name)
        problems.append(Problem(position, "no document has SLOs", "add a document with SLOs"))
    if settings.inventory:  # warnings about the rest of specs are those of a build of all parts
        problems = filter_errors(problems)
    merged = sort_problems(_run.merge_repeats(sort_problems(problems)))
    return BuildPlan(tuple(plans), tuple(slos), coverage, tuple(merged))


def _leave_out_unserved(sources: Sequence[SpecFile], settings: BuildSettings) -> Sequence[SpecFile]:
    """Leave out the parts of specs whose series the prober of the inventory does not export."""
    if not settings.inventory:
        return sources
    specs = [spec for source in sources for spec in parse_source(source, settings)[0]]
    applied, _ = apply_sli_plugins(specs, settings.sli_plugins)
    unserved = find_unserved_parts(applied, settings.inventory)
    kept = (leave_out_parts(source, unserved.get(source.display_name, ())) for source in sources)
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
    plans: Sequence[Plan], format_: str, settings: BuildSettings
) -> Iterator[Artifact]:
    """Artifacts of one format: those of each plan, those of all plans, and the kustomization."""
    output_format = load_formats()[format_]
    each_plan = (output_format.render_plan(plan, settings.output) for plan in plans)
    object_files = []
    for artifact in chain(*each_plan, output_format.render_run(plans, settings.output)):
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
    """Parse the specs of a file."""
    return parse_specs(
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


def _parse_spec_again(source: SpecFile, settings: BuildSettings, index: int) -> LocatedSpec:
    return parse_source(source, settings)[0][index]


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
