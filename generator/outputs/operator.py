"""Output format `operator`: PrometheusRule objects for the Prometheus Operator."""

from collections.abc import Iterator

from generator.model import Artifact, Engine, Plan
from generator.outputs import OutputSettings, _objects

NAME = "operator"
ONE_FILE = True
ON_REQUEST = False
ENGINE = Engine.PROMETHEUS
render_run = None  # the kustomization lists the objects


def render_plan(plan: Plan, settings: OutputSettings) -> Iterator[Artifact]:
    """Render the PrometheusRules of a plan."""
    kind = _objects.ObjectKind(
        "monitoring.coreos.com/v1", "PrometheusRule", settings.namespace, settings.stack_labels
    )
    return _objects.render_objects(plan, kind)
