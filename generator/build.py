"""A build up to the point of writing, shared by the commands that need its result."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from generator import load, pipeline
from generator.model import Artifact
from generator.outputs import formats
from generator.pipeline import Plans, Settings

_DEFAULT_FORMAT = "prometheus"


def plan_inputs(inputs: Sequence[Path], settings: Settings, *, out: str) -> Plans:
    """Read and plan spec files; what could not be read is among the problems.

    Args:
        inputs: spec files and folders of them.
        settings: how to plan.
        out: where the result will go, which must not be where the specs are.
    """
    sources, found = load.read_sources(inputs)
    planned = pipeline.plan(sources, settings)
    found += load.in_each_others_way(inputs, sources, out)
    return Plans(planned.plans, planned.slos, (*found, *planned.problems))


def folder_artifacts(plans: Plans, format_: str | None, settings: Settings) -> list[Artifact]:
    """Files for a folder: of one format, or of every format in a folder of its own."""
    if format_:
        return pipeline.render_folder(plans.plans, format_, settings)
    return [
        Artifact(name / artifact.path, artifact.text)
        for name in map(PurePosixPath, formats())
        for artifact in pipeline.render_folder(plans.plans, name.name, settings)
    ]


def file_artifact(plans: Plans, format_: str | None, settings: Settings, *, name: str) -> Artifact:
    """Everything in one file of one YAML document."""
    path = PurePosixPath(name)
    return pipeline.render_one(plans.plans, format_ or _DEFAULT_FORMAT, settings, path=path)
