"""Output format `tests`: unit tests of the rules for `promtool test rules`."""

from collections.abc import Iterator

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "tests"
ONE_FILE = False
ON_REQUEST = False
ENGINE = None
render_run = None  # `slo-rules test` finds the files by itself


def render_plan(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """Render the tests of all SLOs, alerts and recordings of a plan, in a folder named after it.

    The rules under test are beside each test, in a file that no pattern of YAML files takes.
    """
    from generator.outputs.tests import spec_files  # noqa: PLC0415 - imports many modules

    yield from spec_files.render_plan_files(plan)
