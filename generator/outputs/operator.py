"""Output format `operator`: PrometheusRule objects for the Prometheus Operator."""

from collections.abc import Iterator, Sequence

from generator.model import Artifact, Engine, Plan
from generator.outputs import OutputSettings, _objects

NAME = "operator"
ONE_FILE = True
ON_REQUEST = False
ENGINE = Engine.PROMETHEUS


def render_plan(plan: Plan, settings: OutputSettings) -> Iterator[Artifact]:
    """Render the PrometheusRules of a plan."""
    kind = _objects.ObjectKind(
        "monitoring.coreos.com/v1", "PrometheusRule", settings.namespace, settings.stack_labels
    )
    return _objects.render_objects(plan, kind)


def render_run(_: Sequence[Plan], _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: the kustomization lists the objects."""
    yield from ()
