"""Output format `mimir`: rule files for the ruler of Grafana Mimir, to load with `mimirtool`.

Each file names the namespace of its groups. `slo-rules push mimir` sends the same groups.
"""

from collections.abc import Iterator

from generator.model import Artifact, Engine, Plan
from generator.outputs import OutputSettings, _objects
from generator.text import yaml_writer

NAME = "mimir"
ONE_FILE = True
ON_REQUEST = True
ENGINE = Engine.PROMETHEUS
render_run = None  # mimirtool takes a list of files


def render_plan(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """Render one file for `mimirtool rules load` and `mimirtool rules sync`."""
    content: dict[str, yaml_writer.YamlValue] = {
        "namespace": yaml_writer.Name(_objects.name_object(plan.path)),
        **yaml_writer.map_groups(plan.groups),
    }
    lines = yaml_writer.render_mapping(content)
    yield Artifact(plan.path, yaml_writer.render_document(plan.sources, lines))
