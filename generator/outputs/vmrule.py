"""Output format `vmrule`: VMRule objects for the VictoriaMetrics Operator, evaluated by vmalert.

A VMAlert selects every VMRule by default, so objects do not need the labels of
kube-prometheus-stack.
Counts and windows have expressions of their own, see docs/engines.md.
"""

from collections.abc import Iterator

from generator.model import Artifact, Engine, Plan
from generator.outputs import OutputSettings, _objects

NAME = "vmrule"
ONE_FILE = True
ON_REQUEST = True
ENGINE = Engine.VICTORIA_METRICS
render_run = None  # the kustomization lists the objects


def render_plan(plan: Plan, settings: OutputSettings) -> Iterator[Artifact]:
    """Render the VMRules of a plan."""
    kind = _objects.ObjectKind(
        "operator.victoriametrics.com/v1beta1",
        "VMRule",
        settings.namespace,
        settings.common_labels,
    )
    return _objects.render_objects(plan, kind)
