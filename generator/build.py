"""Build from input files to artifacts, shared by the commands; it does not write files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from generator import pipeline
from generator.files import plugins
from generator.files.sources import Selection, in_each_others_way, read_sources, read_windows
from generator.model import Artifact, Part, Source
from generator.outputs import formats
from generator.pipeline import Plans, Settings
from generator.profiles import profiles
from generator.sli_plugins import SliPlugin
from slos.schema.loader import parse_specs
from slos.schema.problem import Problem
from slos.schema.spec import LocatedSpec

_DEFAULT_FORMAT = "prometheus"
_OBJECTS = "operator"


@dataclass(frozen=True, slots=True)
class Reading:
    """Settings of reading: the spec files to read and the other inputs.

    Attributes:
        file_filter: filter of the files below folders.
        windows: folder of alert windows that replace the built-in ones.
        plugins: folders of SLI plugins.
    """

    selection: Selection = field(default_factory=Selection)
    windows: Path | None = None
    plugins: tuple[Path, ...] = ()


def plan_inputs(
    inputs: Sequence[Path], settings: Settings, *, out: str, reading: Reading | None = None
) -> Plans:
    """Read and plan spec files; files that cannot be read are among the problems.

    Args:
        inputs: spec files and folders of them.
        settings: settings of the build.
        out: output path, which must not be one of the inputs.
        read_settings: settings of reading.
    """
    reading = reading or Reading()
    sources, found = read_sources(inputs, reading.selection)
    if reading.windows:
        windows, more = read_windows(reading.windows)
        found += more
        settings = replace(settings, defaults=replace(settings.defaults, windows=windows))
    plugins, more = _sli_plugins(sources, reading.plugins)
    found += more
    settings = replace(settings, sli_plugins=plugins)
    planned = pipeline.plan(sources, settings)
    found += in_each_others_way(inputs, sources, out)
    return replace(planned, problems=(*found, *planned.problems))


def read_specs(
    inputs: Sequence[Path], *, lenient: bool, out: str, plugins: Sequence[Path] = ()
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Read spec files without planning anything, in the order of their names.

    Args:
        inputs: spec files and folders of them.
        lenient: pass over unknown keys.
        out: output path.
        plugins: folders of SLI plugins; their queries replace them.
    """
    sources, problems = read_sources(inputs)
    problems += in_each_others_way(inputs, sources, out)
    programs, more = _sli_plugins(sources, plugins)
    problems += more
    located = []
    for source in sorted(sources, key=lambda source: str(source.path)):
        found, more = parse_specs(source.data, source.shown, lenient=lenient)
        problems += more
        ready, more = pipeline.called(found, programs)
        located += ready
        problems += more
    return located, problems


def _sli_plugins(
    sources: Sequence[Source], folders: Sequence[Path]
) -> tuple[dict[str, SliPlugin], list[Problem]]:
    """Read SLI plugins, unless no spec names one: searching installed packages takes time."""
    if not folders and not any(b"plugin" in source.data for source in sources):
        return {}, []
    return plugins.read_sli_plugins(tuple(folders))


def folder_artifacts(plans: Plans, format_: str | None, settings: Settings) -> Iterator[Artifact]:
    """Artifacts for a folder: of one format, or of each default format in its own subfolder."""
    if format_:
        yield from pipeline.render_folder(plans.plans, format_, settings)
    elif profiles()[settings.profile].AS_WRITTEN:
        for plan in plans.plans:
            yield from formats()[_format_of(plan.parts)].render(plan, settings.output)
    else:
        usual = [name for name, format_ in formats().items() if not format_.ON_REQUEST]
        for name in usual:
            for artifact in pipeline.render_folder(plans.plans, name, settings):
                yield replace(artifact, path=name / artifact.path)


def file_artifact(plans: Plans, format_: str | None, settings: Settings, *, name: str) -> Artifact:
    """Artifact with everything in one file: one YAML document, unless specs were objects."""
    if not format_ and profiles()[settings.profile].AS_WRITTEN:
        format_ = _format_of([part for plan in plans.plans for part in plan.parts])
    path = PurePosixPath(name)
    return pipeline.render_one(plans.plans, format_ or _DEFAULT_FORMAT, settings, path=path)


def _format_of(parts: Sequence[Part]) -> str:
    """Format of Sloth's own output: rule files for specs, objects if any spec was an object."""
    return _OBJECTS if any(part.named for part in parts) else _DEFAULT_FORMAT
