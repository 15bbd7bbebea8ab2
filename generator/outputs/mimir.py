"""`mimir`: rule files for Grafana Mimir's ruler, in the layout of `mimirtool rules`.

Each file names the namespace its groups belong to; `slo-rules push mimir` sends the same.
"""

from collections.abc import Iterator, Sequence

from generator import rule_objects, text
from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "mimir"
ONE_FILE = True
ON_REQUEST = True


def render(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """A file as `mimirtool rules load` and `sync` take it."""
    lines = [f"namespace: {text.name(rule_objects.name_of(plan.path))}", *text.groups(plan.groups)]
    yield Artifact(plan.path, text.document(plan.sources, lines))


def of_run(_: Sequence[Plan], _settings: OutputSettings) -> Iterator[Artifact]:
    """Mimirtool takes a list of files; nothing goes with them."""
    yield from ()
