"""`runbooks`: a Markdown page for each alert, and an index of them."""

from collections.abc import Iterator, Sequence

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings
from generator.runbooks import pages

NAME = "runbooks"
ONE_FILE = False
ON_REQUEST = False


def render(_: Plan, _settings: OutputSettings) -> Iterator[Artifact]:
    """Alerts of several plans may share a name, and then they share a page."""
    yield from ()


def of_run(plans: Sequence[Plan], _: OutputSettings) -> Iterator[Artifact]:
    """All pages, and the index."""
    yield from pages.artifacts(plans)
