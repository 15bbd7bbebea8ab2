"""Kubernetes objects that hold rules: one for each plan, or several where it is large."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import PurePosixPath

from generator.model import Artifact, Plan, RuleGroup, RuleObjectMeta, SpecPlan
from generator.text import yaml_writer

# Kubernetes allows 253 characters; this leaves room for prefix, hash and number.
_LONGEST = 200

# `kubectl apply` keeps the JSON of an object in an annotation, and annotations are limited to
# 262,144 bytes. The operator refuses rules above 524,288 bytes of YAML. The limit here counts both
# and leaves room for what kustomize or a person adds.
_MAX_BYTES = 200 * 1024
# In JSON, as Go writes it, these characters are escapes of six bytes.
_ESCAPED = "<>&"
_ESCAPE_BYTES = 6


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
    """Artifacts with one object, and one more for each spec that was an object.

    The first parts of all objects are in the file of the plan, the second ones in the next file.
    """
    files: dict[int, list[list[str]]] = {}
    for spec_plan in _merge_spec_plans(plan):
        meta = spec_plan.object_meta or _build_object_meta(plan.path, kind)
        for number, lines in enumerate(_render_parts(meta, spec_plan.groups, kind), 1):
            files.setdefault(number, []).append(lines)
    for number, (first, *others) in files.items():
        path = plan.path if number == 1 else plan.path.with_suffix(f".{number}.yaml")
        lines = [*first, *(line for lines in others for line in ("---", *lines))]
        yield Artifact(path, yaml_writer.render_document(plan.sources, lines), is_object=True)


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


def _build_object_meta(path: PurePosixPath, kind: ObjectKind) -> RuleObjectMeta:
    return RuleObjectMeta(name_object(path), kind.namespace, {}, {})


def _render_parts(
    meta: RuleObjectMeta, groups: Sequence[RuleGroup], kind: ObjectKind
) -> Iterator[list[str]]:
    """Render an object, or several where one would be too large."""
    lines = yaml_writer.render_mapping(_map_object(meta, groups, kind))
    # Nothing is larger than this; most objects need no exact measure.
    if sum(map(len, lines)) * _ESCAPE_BYTES <= _MAX_BYTES:
        yield lines
        return
    space = _MAX_BYTES - _measure_bytes(_map_object(meta, (), kind))
    for number, part in enumerate(_split_groups(groups, space), 1):
        # A name of ours has no dot, so no other object has this one.
        part_meta = meta if number == 1 else replace(meta, name=f"{meta.name}.{number}")
        yield yaml_writer.render_mapping(_map_object(part_meta, part, kind))


def _split_groups(groups: Iterable[RuleGroup], space: int) -> list[list[RuleGroup]]:
    """Split groups into parts of a size in bytes; the groups of an SLO stay together."""
    parts: list[list[RuleGroup]] = [[]]
    left = space
    for _, subject in groupby(groups, key=lambda group: group.slo or group.name):
        subject_groups = list(subject)
        size = _measure_bytes({"spec": yaml_writer.map_groups(subject_groups)})
        if size > left and parts[-1]:
            parts.append([])
            left = space
        parts[-1] += subject_groups
        left -= size
    return parts


def _measure_bytes(values: Mapping[str, yaml_writer.YamlValue]) -> int:
    """Bytes of a mapping as YAML, or as the JSON that kubectl keeps if that is larger."""
    text = json.dumps(
        values, ensure_ascii=False, separators=(",", ":"), default=yaml_writer.list_rules
    )
    json_bytes = len(text.encode()) + (_ESCAPE_BYTES - 1) * sum(map(text.count, _ESCAPED))
    lines = yaml_writer.render_mapping(values)
    return max(json_bytes, len("\n".join([*lines, ""]).encode()))


def _map_object(
    meta: RuleObjectMeta, groups: Iterable[RuleGroup], kind: ObjectKind
) -> dict[str, yaml_writer.YamlValue]:
    namespace, labels = meta.namespace, meta.labels
    if not meta.complete:
        namespace = namespace or kind.namespace
        labels = {**kind.labels, **labels}
    return {
        "apiVersion": yaml_writer.Raw(kind.api_version),
        "kind": yaml_writer.Raw(kind.kind),
        "metadata": {
            "name": meta.name,
            "namespace": namespace,
            "labels": yaml_writer.TextMapping(labels),
            "annotations": yaml_writer.TextMapping(meta.annotations),
        },
        "spec": yaml_writer.map_groups(groups),
    }
