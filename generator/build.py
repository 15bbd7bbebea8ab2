"""Build from input files to artifacts, shared by the commands; it does not write files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from generator import large_build, partial_build, pipeline
from generator.files import plugins
from generator.files.sources import FileFilter, find_output_conflicts, read_sources, read_windows
from generator.large_build import LargeBuild
from generator.model import Artifact, SpecFile, SpecPlan
from generator.outputs import load_formats
from generator.pipeline import BuildPlan, BuildSettings
from generator.profiles import load_profiles
from generator.sli_plugins import SliPlugin
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


def plan_inputs(
    inputs: Sequence[Path],
    settings: BuildSettings,
    *,
    out: str,
    read_settings: ReadSettings | None = None,
    keep_going: bool = False,
    large: LargeBuild | None = None,
) -> BuildPlan:
    """Read and plan spec files; files that cannot be read are among the problems.

    Args:
        inputs: spec files and folders of them.
        settings: settings of the build.
        out: output path, which must not be one of the inputs.
        read_settings: settings of reading.
        keep_going: leave out what has errors, instead of building nothing.
        large: how to build many specs.
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
    if keep_going:
        read_errors = filter_errors(read_problems)
        problems += [each for each in read_problems if each not in read_errors]
        build_plan = partial_build.plan_partial_build(sources, settings, read_errors)
    else:
        if large and large.suits(len(sources)):
            build_plan = large_build.plan_large_build(sources, settings, large)
        else:
            build_plan = pipeline.plan_build(sources, settings)
        problems = [*read_problems, *problems]
    return replace(build_plan, problems=(*problems, *build_plan.problems))


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


def render_folder_artifacts(
    build_plan: BuildPlan, format_: str | None, settings: BuildSettings
) -> Iterator[Artifact]:
    """Artifacts for a folder: of one format, or of each default format in its own subfolder."""
    if format_:
        yield from _render_format(build_plan, format_, settings)
    elif load_profiles()[settings.profile].AS_WRITTEN:
        for plan in build_plan.plans:
            yield from load_formats()[_choose_format(plan.spec_plans)].render_plan(
                plan, settings.output
            )
    else:
        for name in list_default_formats():
            for artifact in _render_format(build_plan, name, settings):
                yield replace(artifact, path=name / artifact.path)


def list_default_formats() -> list[str]:
    """Formats of a build that names none."""
    return [name for name, format_ in load_formats().items() if not format_.ON_REQUEST]


def _render_format(
    build_plan: BuildPlan, format_: str, settings: BuildSettings
) -> Iterator[Artifact]:
    packed = build_plan.rendered
    rendered = None if packed is None else (each.unpack() for each in packed[format_])
    yield from pipeline.render_folder(build_plan.plans, format_, settings, rendered=rendered)


def render_file_artifact(
    build_plan: BuildPlan, format_: str | None, settings: BuildSettings, *, name: str
) -> Artifact:
    """Artifact with everything in one file: one YAML document, unless specs were objects."""
    if not format_ and load_profiles()[settings.profile].AS_WRITTEN:
        format_ = _choose_format(
            [spec_plan for plan in build_plan.plans for spec_plan in plan.spec_plans]
        )
    path = PurePosixPath(name)
    return pipeline.render_file(build_plan.plans, format_ or DEFAULT_FORMAT, settings, path=path)


def _choose_format(spec_plans: Sequence[SpecPlan]) -> str:
    """Format of Sloth's own output: rule files for specs, objects if any spec was an object."""
    return (
        _OBJECT_FORMAT if any(spec_plan.object_meta for spec_plan in spec_plans) else DEFAULT_FORMAT
    )
