"""Build from input files to artifacts, shared by the commands; it does not write files."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from generator import parallel_build, partial_build, pipeline
from generator.files import plugins
from generator.files.sources import (
    STDOUT,
    FileFilter,
    find_output_conflicts,
    is_folder,
    read_sources,
    read_windows,
)
from generator.model import Artifact, Engine, SpecFile, SpecPlan
from generator.outputs import load_formats
from generator.parallel_build import ParallelBuild
from generator.pipeline import BuildPlan, BuildSettings
from generator.profiles import load_profiles
from generator.sli_plugins import SliPlugin
from slos.schema.extras import EXTRA_MODULES, is_missing
from slos.schema.problem import Problem, filter_errors
from slos.schema.spec import LocatedSpec

DEFAULT_FORMAT = "prometheus"
_OBJECT_FORMAT = "operator"


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Settings of reading: the spec files to read and the other inputs.

    Attributes:
        file_filter: filter of the files below folders.
        windows: folder of alert windows that replace the built-in ones.
        plugins: folders of SLI plugins.
    """

    file_filter: FileFilter = field(default_factory=FileFilter)
    windows: Path | None = None
    plugins: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class FormatRequest:
    """Output format to build, with its settings.

    Attributes:
        name: name of the format.
        settings: settings of planning and rendering.
    """

    name: str
    settings: BuildSettings


def plan_inputs(  # noqa: PLR0913 - each is a setting of its own
    inputs: Sequence[Path],
    settings: BuildSettings,
    *,
    out: str,
    read_settings: ReadSettings | None = None,
    keep_going: bool = False,
    formats: Sequence[FormatRequest] = (),
    parallel: ParallelBuild | None = None,
) -> BuildPlan:
    """Read and plan spec files; files that cannot be read are among the problems.

    Args:
        inputs: spec files and folders of them.
        settings: settings of the build.
        out: output path, which must not be one of the inputs.
        read_settings: settings of reading.
        keep_going: leave out what has errors, instead of building nothing.
        formats: formats to build; the rules of each engine among them are planned.
        parallel: how to build many specs in several processes.
    """
    read_settings = read_settings or ReadSettings()
    sources, read_problems = read_sources(inputs, read_settings.file_filter)
    problems: list[Problem] = []
    if read_settings.windows:
        windows, new_problems = read_windows(read_settings.windows)
        problems += new_problems
        settings = replace(settings, run_settings=replace(settings.run_settings, windows=windows))
    plugins, new_problems = _read_sli_plugins(sources, read_settings.plugins)
    problems += new_problems
    settings = replace(settings, sli_plugins=plugins)
    problems += find_output_conflicts(inputs, sources, out)
    read_errors = filter_errors(read_problems) if keep_going else []
    problems += [each for each in read_problems if each not in read_errors]

    def plan_for_engine(engine: Engine) -> BuildPlan:
        run_settings = replace(settings.run_settings, engine=engine)
        engine_settings = replace(settings, run_settings=run_settings)
        if keep_going:
            return partial_build.plan_partial_build(sources, engine_settings, read_errors)
        if parallel and parallel.is_worthwhile(len(sources)):
            return parallel_build.plan_parallel_build(sources, engine_settings, parallel)
        return pipeline.plan_build(sources, engine_settings)

    build_plan = plan_for_engine(settings.run_settings.engine)
    engines = {each.settings.run_settings.engine for each in formats}
    others = {
        engine: plan_for_engine(engine) for engine in engines - {settings.run_settings.engine}
    }
    found = (*build_plan.problems, *itertools.chain(*(each.problems for each in others.values())))
    return replace(
        build_plan,
        problems=(*problems, *dict.fromkeys(found)),
        plans_by_engine={engine: each.plans for engine, each in others.items()},
    )


def read_specs(
    inputs: Sequence[Path],
    settings: BuildSettings,
    *,
    out: str,
    plugins: Sequence[Path] = (),
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Read spec files without planning anything, in the order of their names.

    Args:
        inputs: spec files and folders of them.
        settings: settings of parsing.
        out: output path.
        plugins: folders of SLI plugins; their queries replace them.
    """
    sources, problems = read_sources(inputs)
    problems += find_output_conflicts(inputs, sources, out)
    sli_plugins, new_problems = _read_sli_plugins(sources, plugins)
    problems += new_problems
    located = []
    settings = replace(settings, indicators=pipeline.collect_indicators(sources))
    for source in sorted(sources, key=lambda source: str(source.path)):
        found, new_problems = pipeline.parse_source(source, settings)
        problems += new_problems
        specs, new_problems = pipeline.apply_sli_plugins(found, sli_plugins)
        located += specs
        problems += new_problems
    return located, problems


def _read_sli_plugins(
    sources: Sequence[SpecFile], folders: Sequence[Path]
) -> tuple[dict[str, SliPlugin], list[Problem]]:
    """Read SLI plugins, unless no spec names one: searching installed packages takes time."""
    if not folders and not any(b"plugin" in source.data for source in sources):
        return {}, []
    return plugins.read_sli_plugins(tuple(folders))


def list_default_formats() -> list[str]:
    """List the formats that are built when none is named."""
    return [name for name, format_ in load_formats().items() if not format_.ON_REQUEST]


def find_missing_folder(out: Path) -> Path | None:
    """Find the folder of a default format that an earlier build made and this one cannot.

    A format is not built by default if its extra is not installed. Its files would be removed.
    """
    folders = (out / name for name in list_default_formats() if is_missing(name))
    return next(filter(is_folder, folders), None)


def render_folder_artifacts(
    build_plan: BuildPlan,
    formats: Sequence[FormatRequest],
    settings: BuildSettings,
    *,
    compared: Path | None = None,
) -> Iterator[Artifact]:
    """Artifacts for a folder: of one format, or of each format in its own subfolder.

    Args:
        build_plan: plan of the build.
        formats: the formats; none for those of the profile.
        settings: settings of the formats of the profile.
        compared: folder that is compared with the artifacts. It need not have formats with an
            extra, as it may have been built where the extra is not installed.
    """
    if formats:
        for each in formats:
            for artifact in _render_format(build_plan, each.name, each.settings):
                path = artifact.path if len(formats) == 1 else each.name / artifact.path
                yield replace(artifact, path=path)
    elif load_profiles()[settings.profile].AS_WRITTEN:
        for plan in build_plan.plans:
            yield from load_formats()[_choose_format(plan.spec_plans)].render_plan(
                plan, settings.output
            )
    else:
        for name in itertools.filterfalse(is_missing, list_default_formats()):
            if compared and name in EXTRA_MODULES and not is_folder(compared / name):
                continue
            for artifact in _render_format(build_plan, name, settings):
                yield replace(artifact, path=name / artifact.path)


def _render_format(
    build_plan: BuildPlan, format_: str, settings: BuildSettings
) -> Iterator[Artifact]:
    packed = build_plan.rendered
    rendered = None if packed is None else (each.unpack() for each in packed[format_])
    plans = build_plan.plans_by_engine.get(settings.run_settings.engine, build_plan.plans)
    yield from pipeline.render_folder(plans, format_, settings, rendered=rendered)


def render_file_artifact(
    build_plan: BuildPlan, formats: Sequence[FormatRequest], settings: BuildSettings, out: str
) -> Artifact:
    """Artifact with everything in one file: one YAML document, unless specs were objects.

    Args:
        build_plan: plan of the build.
        formats: the format; none for that of the profile.
        settings: settings of the format of the profile.
        out: path of the file, or `-` for standard output.
    """
    format_ = None
    for each in formats:
        format_, settings = each.name, each.settings
    if not format_ and load_profiles()[settings.profile].AS_WRITTEN:
        format_ = _choose_format(
            [spec_plan for plan in build_plan.plans for spec_plan in plan.spec_plans]
        )
    path = PurePosixPath("rules.yaml" if out == STDOUT else Path(out).name)
    return pipeline.render_file(build_plan.plans, format_ or DEFAULT_FORMAT, settings, path=path)


def _choose_format(spec_plans: Sequence[SpecPlan]) -> str:
    """Format of Sloth's own output: rule files for specs, objects if any spec was an object."""
    return (
        _OBJECT_FORMAT if any(spec_plan.object_meta for spec_plan in spec_plans) else DEFAULT_FORMAT
    )
