"""Kubernetes objects that hold rules: one for each plan, for `kubectl apply -k`."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from generator.model import Artifact, Plan, RuleObjectMeta, SpecPlan
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


def render_objects(plan: Plan, kind: ObjectKind) -> Iterator[Artifact]:
    """Artifact with one object, and one more for each spec that was an object."""
    documents = [_render_object(plan.path, part, kind) for part in _merge_spec_plans(plan)]
    first, *others = documents or [[]]
    lines = [*first, *(line for lines in others for line in ("---", *lines))]
    yield Artifact(plan.path, yaml_writer.render_document(plan.sources, lines))


def build_kustomization(paths: Sequence[PurePosixPath]) -> Artifact:
    """Artifact of the kustomization that lists the objects."""
    lines = yaml_writer.render_mapping(yaml_writer.build_kustomization(paths))
    document = yaml_writer.render_document(["the specs of this folder"], lines)
    return Artifact(PurePosixPath("kustomization.yaml"), document)


def name_object(path: PurePosixPath) -> str:
    """Name of an object from the path of its file: `slo-api` for `api.yaml`.

    A path that is no DNS label gets a piece of its hash, so that `my_api`, `my/api` and `my-api`
    have different names.
    """
    stem = str(path.with_suffix(""))
    label = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:_LONGEST]
    if label != stem:
        label += "-" + hashlib.sha256(stem.encode()).hexdigest()[:6]
    return f"slo-{label.strip('-')}"


def _merge_spec_plans(plan: Plan) -> list[SpecPlan]:
    """Merge the plans of specs without object metadata; those with metadata follow unchanged."""
    groups = tuple(
        group
        for spec_plan in plan.spec_plans
        if not spec_plan.object_meta
        for group in spec_plan.groups
    )
    named_plans = [spec_plan for spec_plan in plan.spec_plans if spec_plan.object_meta]
    return [SpecPlan(groups), *named_plans] if groups or not named_plans else named_plans


def _render_object(path: PurePosixPath, spec_plan: SpecPlan, kind: ObjectKind) -> list[str]:
    meta = spec_plan.object_meta or RuleObjectMeta(name_object(path), kind.namespace, {}, {})
    namespace, labels = meta.namespace, meta.labels
    if not meta.complete:
        namespace = namespace or kind.namespace
        labels = {**kind.labels, **labels}
    metadata: dict[str, yaml_writer.YamlValue] = {
        "name": meta.name,
        "namespace": namespace,
        "labels": yaml_writer.TextMapping(labels),
        "annotations": yaml_writer.TextMapping(meta.annotations),
    }
    return yaml_writer.render_mapping(
        {
            "apiVersion": yaml_writer.Raw(kind.api_version),
            "kind": yaml_writer.Raw(kind.kind),
            "metadata": metadata,
            "spec": yaml_writer.map_groups(spec_plan.groups),
        }
    )
