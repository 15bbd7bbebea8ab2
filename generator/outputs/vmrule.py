"""Output format `vmrule`: VMRule objects for the VictoriaMetrics Operator, evaluated by vmalert.

A VMAlert selects every VMRule by default, so objects get no labels unless they are configured.
Counts and windows have expressions of their own, see docs/engines.md.
"""

from collections.abc import Iterator, Sequence

from generator.model import Artifact, Engine, Plan
from generator.outputs import OutputSettings, _objects

NAME = "vmrule"
ONE_FILE = True
ON_REQUEST = True
ENGINE = Engine.VICTORIA_METRICS


def render_plan(plan: Plan, settings: OutputSettings) -> Iterator[Artifact]:
    """Render one VMRule, and one more for each spec that is a Kubernetes object itself."""
    kind = _objects.ObjectKind(
        "operator.victoriametrics.com/v1beta1",
        "VMRule",
        settings.namespace,
        settings.object_labels or {},
    )
    return _objects.render_objects(plan, kind)


def render_run(plans: Sequence[Plan], _: OutputSettings) -> Iterator[Artifact]:
    """Render the kustomization that lists the objects."""
    yield _objects.build_kustomization([plan.path for plan in plans])
