"""`operator`: PrometheusRule objects for the Prometheus Operator, ready for `kubectl apply -k`."""

from collections.abc import Iterator, Sequence

from generator import rule_objects
from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "operator"
ONE_FILE = True
ON_REQUEST = False

# What kube-prometheus-stack selects rules by; a setting, since every cluster has its own.
_LABELS = {
    "prometheus": "kube-prometheus-stack",
    "release": "kube-prometheus-stack",
    "role": "alert-rules",
}


def render(plan: Plan, settings: OutputSettings) -> Iterator[Artifact]:
    """One PrometheusRule, and one more for each spec that was an object itself."""
    labels = _LABELS if settings.object_labels is None else settings.object_labels
    kind = rule_objects.ObjectKind(
        "monitoring.coreos.com/v1", "PrometheusRule", settings.namespace, labels
    )
    return rule_objects.render(plan, kind)


def of_run(plans: Sequence[Plan], _: OutputSettings) -> Iterator[Artifact]:
    """The kustomization that lists them."""
    yield rule_objects.kustomization([plan.path for plan in plans])
