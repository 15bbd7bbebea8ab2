"""Kubernetes objects that hold rules: one for each plan, for `kubectl apply -k`."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from generator.model import Artifact, Part, Plan, RuleObject
from generator.text import yaml_writer

# Kubernetes allows 253 characters; this leaves room for prefix and hash.
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """Kind of custom resource that has rule groups in its `spec`.

    Attributes:
        api_version: such as `monitoring.coreos.com/v1`.
        kind: such as `PrometheusRule`.
        namespace: namespace of objects whose specs name none.
        labels: labels that the operator selects by; left out where `RuleObjectMeta.complete`.
    """

    api_version: str
    kind: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)


def render(plan: Plan, kind: ObjectKind) -> Iterator[Artifact]:
    """Artifact with one object, and one more for each spec that was an object."""
    documents = [list(_object(plan.path, part, kind)) for part in _parts(plan)]
    first, *others = documents or [[]]
    lines = [*first, *(line for lines in others for line in ("---", *lines))]
    yield Artifact(plan.path, yaml_writer.document(plan.sources, lines))


def kustomization(paths: Sequence[PurePosixPath]) -> Artifact:
    """Artifact of the kustomization that lists the objects."""
    document = yaml_writer.document(["the specs of this folder"], yaml_writer.kustomization(paths))
    return Artifact(PurePosixPath("kustomization.yaml"), document)


def name_of(path: PurePosixPath) -> str:
    """Name of an object from the path of its file: `slo-api` for `api.yaml`.

    A path that is no DNS label gets a piece of its hash, so that `my_api`, `my/api` and `my-api`
    have different names.
    """
    stem = str(path.with_suffix(""))
    label = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:_LONGEST]
    if label != stem:
        label += "-" + hashlib.sha256(stem.encode()).hexdigest()[:6]
    return f"slo-{label.strip('-')}"


def _parts(plan: Plan) -> list[Part]:
    """Merge the plans of specs without object metadata; those with metadata follow unchanged."""
    groups = tuple(group for part in plan.parts if not part.named for group in part.groups)
    named = [part for part in plan.parts if part.named]
    return [Part(groups), *named] if groups or not named else named


def _object(path: PurePosixPath, part: Part, kind: ObjectKind) -> Iterator[str]:
    named = part.named or RuleObject(name_of(path), kind.namespace, {}, {})
    namespace, labels = named.namespace, named.labels
    if not named.complete:
        namespace = namespace or kind.namespace
        labels = {**kind.labels, **labels}
    yield f"apiVersion: {kind.api_version}"
    yield f"kind: {kind.kind}"
    yield "metadata:"
    yield f"  name: {yaml_writer.scalar(named.name)}"
    if namespace:
        yield f"  namespace: {yaml_writer.scalar(namespace)}"
    yield from yaml_writer.indented(yaml_writer.mapping("labels", labels), 2)
    yield from yaml_writer.indented(yaml_writer.mapping("annotations", named.annotations), 2)
    yield "spec:"
    yield from yaml_writer.indented(yaml_writer.groups(part.groups), 2)
