"""`operator`: PrometheusRule objects for the Prometheus Operator, ready for `kubectl apply -k`."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from generator import text
from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "operator"


def render(plan: Plan, settings: OutputSettings) -> Artifact:
    """One PrometheusRule."""
    return Artifact(plan.path, text.document(plan.sources, _object(plan, settings)))


def index(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """The kustomization that lists the objects.

    It stands in the same folder because kustomize refuses files above its root but takes a
    folder that has a kustomization of its own.
    """
    lines = [
        "apiVersion: kustomize.config.k8s.io/v1beta1",
        "kind: Kustomization",
        "resources:",
        *(f"  - {text.scalar(str(path))}" for path in sorted(a.path for a in artifacts)),
    ]
    document = text.document(["the specs of this folder"], lines)
    return [Artifact(PurePosixPath("kustomization.yaml"), document)]


def _object(plan: Plan, settings: OutputSettings) -> Iterator[str]:
    yield "apiVersion: monitoring.coreos.com/v1"
    yield "kind: PrometheusRule"
    yield "metadata:"
    yield f"  name: {text.scalar(_object_name(plan.path))}"
    yield f"  namespace: {text.scalar(settings.namespace)}"
    yield from text.indented(text.mapping("labels", settings.object_labels), 2)
    yield "spec:"
    yield from text.indented(text.groups(plan.groups), 2)


def _object_name(path: PurePosixPath) -> str:
    """A DNS label from the file's path: `team/my_api.yaml` is `slo-team-my-api`."""
    stem = str(path.with_suffix("")).lower()
    return "slo-" + re.sub(r"[^a-z0-9]+", "-", stem).strip("-")
