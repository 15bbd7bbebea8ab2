"""`thanos`: rule files for Thanos Ruler, which may get partial answers from its stores.

With a part missing, an increment counted too low would be recorded for good, and a budget with
it. So every group asks for whole answers: an evaluation that cannot have one fails, which
Ruler counts and the alert on failing rules tells. Thanos would do the same by default; here it
is written, so that it does not hang on a flag.
"""

from collections.abc import Iterator, Sequence

from generator import text
from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "thanos"
ONE_FILE = True
ON_REQUEST = True

_WHOLE_ANSWERS = {"partial_response_strategy": "abort"}


def render(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """A rule file as `--rule-file` of Thanos Ruler takes it."""
    lines = text.groups(plan.groups, also=_WHOLE_ANSWERS)
    yield Artifact(plan.path, text.document(plan.sources, lines))


def of_run(_: Sequence[Plan], _settings: OutputSettings) -> Iterator[Artifact]:
    """Ruler takes a glob; nothing goes with the files."""
    yield from ()
