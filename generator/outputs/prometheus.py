"""`prometheus`: plain rule files, one for each spec file."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from generator import text
from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "prometheus"
ONE_FILE = True


def render(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """A rule file as `rule_files:` of Prometheus takes it."""
    yield Artifact(plan.path, text.document(plan.sources, text.groups(plan.groups)))


def index(_: Sequence[PurePosixPath]) -> list[Artifact]:
    """Prometheus takes a glob; nothing goes with the files."""
    return []
