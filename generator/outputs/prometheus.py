"""`prometheus`: plain rule files, one for each spec file."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from generator import text
from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "prometheus"


def render(plan: Plan, _: OutputSettings) -> Artifact:
    """A rule file as `rule_files:` of Prometheus takes it."""
    return Artifact(plan.path, text.document(plan.sources, text.groups(plan.groups)))


def index(_: Sequence[PurePosixPath]) -> list[Artifact]:
    """Prometheus takes a glob; nothing goes with the files."""
    return []
