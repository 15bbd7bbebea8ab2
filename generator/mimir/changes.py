"""Changes from the rule groups of a ruler to those of rule files; pure functions."""

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
_NOTHING: tuple[object, ...] = (None, "", {}, [], 0, "0s")


class Act(StrEnum):
    """Action of a change; the value is part of the JSON output."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """Change of one rule group in the ruler.

    Attributes:
        action: add, change or remove.
        namespace: namespace of the group.
        name: name of the group.
        group: new content; None to remove the group.
    """

    act: Act
    namespace: str
    name: str
    group: Group | None = None


def wanted(artifacts: Iterable[Artifact]) -> Namespaces:
    """Read the rule groups of files in mimirtool's layout."""
    found: dict[str, dict[str, Group]] = {}
    for artifact in artifacts:
        document = yaml.load(artifact.text, Loader=yaml.CSafeLoader)
        groups = found.setdefault(document["namespace"], {})
        groups.update({group["name"]: group for group in document["groups"]})
    return found


def changes(present: Namespaces, should: Namespaces, *, prune: bool) -> Iterator[Change]:
    """Changes from the existing to the desired groups, removals last, so that no rule is missing.

    Args:
        existing: groups of the ruler.
        desired: groups of the rule files.
        prune: also remove namespaces `slo-*` that are not desired. Groups that are gone from a
            desired namespace are removed in any case.
    """
    for namespace, groups in sorted(should.items()):
        there = present.get(namespace, {})
        for name, group in groups.items():
            if name not in there:
                yield Change(Act.ADD, namespace, name, group)
            elif _comparable(there[name]) != _comparable(group):
                yield Change(Act.CHANGE, namespace, name, group)
    for namespace, groups in sorted(present.items()):
        ours = namespace in should or (prune and namespace.startswith("slo-"))
        for name in groups if ours else ():
            if name not in should.get(namespace, {}):
                yield Change(Act.REMOVE, namespace, name)


def _comparable(group: Group) -> dict[str, Any]:
    """Normalize a group, so that groups with the same meaning are equal."""
    rules = [_plain(rule) for rule in group.get("rules", ())]
    return {**_plain(group), "rules": rules}


def _plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Normalize a mapping: durations in milliseconds, and no empty values."""
    kept = {key: _trimmed(value) for key, value in mapping.items() if value not in _NOTHING}
    for key in _DURATIONS:
        # A missing key or another kind of duration stays unchanged.
        with suppress(KeyError, ValueError):
            kept[key] = Duration.parse(str(kept[key])).ms
    return kept


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value
