"""What it takes to make a ruler's groups those of some rule files. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from generator.model import Artifact
from slos.schema.units import Duration

Group = Mapping[str, Any]
"""A rule group as YAML has it."""

Namespaces = Mapping[str, Mapping[str, Group]]
"""Groups by namespace and name."""

_DURATIONS = ("interval", "for", "keep_firing_for")
_NOTHING: tuple[object, ...] = (None, "", {}, [], 0, "0s")


class Act(StrEnum):
    """What is done to a group."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """One request to the ruler.

    Attributes:
        group: as it should be; None to remove it.
    """

    act: Act
    namespace: str
    name: str
    group: Group | None = None


def wanted(artifacts: Iterable[Artifact]) -> Namespaces:
    """The groups of files in mimirtool's layout."""
    found: dict[str, dict[str, Group]] = {}
    for artifact in artifacts:
        document = yaml.load(artifact.text, Loader=yaml.CSafeLoader)
        groups = found.setdefault(document["namespace"], {})
        groups.update({group["name"]: group for group in document["groups"]})
    return found


def changes(present: Namespaces, should: Namespaces, *, prune: bool) -> Iterator[Change]:
    """The way from one to the other, removals last, so that nothing is unwatched meanwhile.

    Args:
        present: what the ruler has.
        should: what it should have.
        prune: also remove whole namespaces, of those whose names begin as ours do, that are
            not wanted at all; groups that left a wanted namespace are removed in any case.
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
    """A group without what is written differently and means the same."""
    rules = [_plain(rule) for rule in group.get("rules", ())]
    return {**_plain(group), "rules": rules}


def _plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """`1m0s` is `1m`; what is empty may as well not be there."""
    kept = {key: _trimmed(value) for key, value in mapping.items() if value not in _NOTHING}
    for key in _DURATIONS:
        # What is missing, or no duration of ours, stays as it is.
        with suppress(KeyError, ValueError):
            kept[key] = Duration.parse(str(kept[key])).ms
    return kept


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value
