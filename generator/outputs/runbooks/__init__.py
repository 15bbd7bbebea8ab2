"""Output format `runbooks`: a Markdown page for each alert name, and an index."""

from collections.abc import Iterator, Sequence

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "runbooks"
ONE_FILE = False
ON_REQUEST = False
ENGINE = None


def render_plan(_: Plan, _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: alerts of several plans may share a name and then share a page."""
    yield from ()


def render_run(plans: Sequence[Plan], _: OutputSettings) -> Iterator[Artifact]:
    """Render all pages and the index."""
    from generator.outputs.runbooks import pages  # noqa: PLC0415 - imports many modules

    yield from pages.build_runbook_artifacts(plans)
