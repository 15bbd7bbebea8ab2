"""Output format `operator`: PrometheusRule objects for the Prometheus Operator."""

from collections.abc import Iterator, Sequence

from generator.model import Artifact, Engine, Plan
from generator.outputs import OutputSettings, _objects

NAME = "operator"
ONE_FILE = True
ON_REQUEST = False
ENGINE = Engine.PROMETHEUS


def render_plan(plan: Plan, settings: OutputSettings) -> Iterator[Artifact]:
    """Render one PrometheusRule, and one more for each spec that is a Kubernetes object itself."""
    kind = _objects.ObjectKind(
        "monitoring.coreos.com/v1", "PrometheusRule", settings.namespace, settings.stack_labels
    )
    return _objects.render_objects(plan, kind)


def render_run(plans: Sequence[Plan], _: OutputSettings) -> Iterator[Artifact]:
    """Render the kustomization that lists the objects."""
    yield _objects.build_kustomization([plan.path for plan in plans])
