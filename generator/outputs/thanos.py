"""Output format `thanos`: rule files for Thanos Ruler, which refuse partial responses.

With a store missing, an increment would be counted too low, and recorded for good, and the budget
with it. So every group has the strategy `abort`: an evaluation without a complete response fails,
Ruler counts the failure, and the alert on failing rules fires. `abort` is the default of Thanos.
It is written down so that the result does not depend on a flag.
"""

from collections.abc import Iterator

from generator.model import Artifact, Engine, Plan
from generator.outputs import OutputSettings
from generator.text import yaml_writer

NAME = "thanos"
ONE_FILE = True
ON_REQUEST = True
ENGINE = Engine.THANOS
render_run = None  # Ruler takes a glob

_ABORT_ON_PARTIAL_RESPONSE = {"partial_response_strategy": "abort"}


def render_plan(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """Render a rule file for `--rule-file` of Thanos Ruler."""
    content = yaml_writer.map_groups(plan.groups, extra_keys=_ABORT_ON_PARTIAL_RESPONSE)
    lines = yaml_writer.render_mapping(content)
    yield Artifact(plan.path, yaml_writer.render_document(plan.sources, lines))
