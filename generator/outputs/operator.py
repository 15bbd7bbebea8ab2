"""`operator`: PrometheusRule objects for the Prometheus Operator, ready for `kubectl apply -k`."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from generator import text
from generator.model import Artifact, Plan
from generator.outputs import OutputSettings

NAME = "operator"
# Kubernetes takes 253 characters; room for prefix and hash, and still fit to be read.
_LONGEST = 200


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
    """A DNS label from the file's path: `team/api.yaml` is `slo-team-api`.

    A path that is no label as it stands gets a piece of its hash, so that `my_api` and `my-api`
    stay apart.
    """
    stem = str(path.with_suffix(""))
    label = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:_LONGEST]
    if label != stem.replace("/", "-"):
        label += "-" + hashlib.sha256(stem.encode()).hexdigest()[:6]
    return f"slo-{label.strip('-')}"
