"""Rule groups of a ruler, and the changes that bring them up to date."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from generator.model import Artifact
from slos.schema.units import Duration

Group = Mapping[str, Any]
"""Rule group as in YAML."""

Namespaces = Mapping[str, Mapping[str, Group]]
"""Rule groups by namespace and name."""

_DURATIONS = ("interval", "for", "keep_firing_for")
_EMPTY_VALUES: tuple[object, ...] = (None, "", {}, [], 0, "0s")


class ChangeAction(StrEnum):
    """Action of a change; the value is part of the JSON output."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Change of one rule group in the ruler.

    Attributes:
        action: add, change or remove.
        namespace: namespace of the group.
        name: name of the group.
        group: new content; None to remove the group.
    """

    action: ChangeAction
    namespace: str
    name: str
    group: Group | None = None


def read_namespaces(artifacts: Iterable[Artifact]) -> Namespaces:
    """Read the rule groups of files in mimirtool's layout."""
    namespaces: dict[str, dict[str, Group]] = {}
    for artifact in artifacts:
        document = yaml.load(artifact.text, Loader=yaml.CSafeLoader)
        groups = namespaces.setdefault(document["namespace"], {})
        groups.update({group["name"]: group for group in document["groups"]})
    return namespaces


def diff_namespaces(
    existing: Namespaces, desired: Namespaces, *, prune: bool
) -> Iterator[GroupChange]:
    """Changes from the existing to the desired groups.

    Updates come first, because a ruler counts an update as one more group and refuses it once
    additions have used up the tenant's limit. Removals are last, so that no rule is missing.

    Args:
        existing: groups of the ruler.
        desired: groups of the rule files.
        prune: also remove namespaces `slo-*` that are not desired. Groups that are gone from a
            desired namespace are removed in any case.
    """
    additions = []
    for namespace, groups in sorted(desired.items()):
        existing_groups = existing.get(namespace, {})
        for name, group in groups.items():
            if name not in existing_groups:
                additions.append(GroupChange(ChangeAction.ADD, namespace, name, group))
            elif _normalize_group(existing_groups[name]) != _normalize_group(group):
                yield GroupChange(ChangeAction.CHANGE, namespace, name, group)
    yield from additions
    for namespace, groups in sorted(existing.items()):
        is_managed = namespace in desired or (prune and namespace.startswith("slo-"))
        for name in groups if is_managed else ():
            if name not in desired.get(namespace, {}):
                yield GroupChange(ChangeAction.REMOVE, namespace, name)


def _normalize_group(group: Group) -> dict[str, Any]:
    """Normalize a group, so that groups with the same meaning are equal."""
    rules = [_normalize_mapping(rule) for rule in group.get("rules", ())]
    return {**_normalize_mapping(group), "rules": rules}


def _normalize_mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Normalize a mapping: durations in milliseconds, and no empty values."""
    values = {
        key: _trim_value(value) for key, value in mapping.items() if value not in _EMPTY_VALUES
    }
    for key in _DURATIONS:
        # A missing key or another kind of duration stays unchanged.
        with suppress(KeyError, ValueError):
            values[key] = Duration.parse(str(values[key])).ms
    return values


def _trim_value(value: object) -> object:
    return value.strip() if isinstance(value, str) else value
