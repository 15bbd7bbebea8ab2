"""Output format `prometheus`: plain rule files, one for each spec file."""

from collections.abc import Iterator

from generator.model import Artifact, Engine, Plan
from generator.outputs import OutputSettings
from generator.text import yaml_writer

NAME = "prometheus"
ONE_FILE = True
ON_REQUEST = False
ENGINE = Engine.PROMETHEUS
render_run = None  # Prometheus takes a glob


def render_plan(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """Render a rule file for `rule_files:` of Prometheus."""
    lines = yaml_writer.render_mapping(yaml_writer.map_groups(plan.groups))
    yield Artifact(plan.path, yaml_writer.render_document(plan.sources, lines))
