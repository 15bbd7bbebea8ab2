"""Entries of a spec, such as its SLOs, and documents without those that have errors."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import yaml

from slos.schema.yaml.document import Document, list_child_nodes

_LISTS = ("slos", "alerts", "recordings")

NodePosition = tuple[int, int]
"""Line and column of the start of a node, as in `Position`."""


def leave_out_entries(document: Document, positions: Collection[NodePosition]) -> Document | None:
    """Leave out the SLOs, alerts and recordings that hold a node at one of the positions.

    Anchors are followed, so every entry with an alias of such a node is left out. Without the
    document if another part of it holds a position, or if no entry is left.
    """
    found = set(positions) & set(_list_positions(document.node))
    if not found:
        return document
    is_object = isinstance(document.value, dict) and "spec" in document.value
    location = ("spec",) if is_object else ()
    spec_node = _find_value(document.node, location)
    removed: dict[str, set[int]] = {}
    explained: set[NodePosition] = set()
    kept = 0
    for key in _LISTS:
        for index, entry in enumerate(_list_items(_find_value(spec_node, (key,)))):
            held = found & set(_list_positions(entry))
            explained |= held
            kept += not held
            if held:
                removed.setdefault(key, set()).add(index)
    if explained != found or not kept:
        return None
    return replace(
        document,
        value=_prune_value(document.value, location, removed),
        node=_prune_node(document.node, location, removed),
    )


def _list_positions(node: yaml.Node | None) -> Iterator[NodePosition]:
    pending, visited = [node], set()
    while pending:
        current = pending.pop()
        if current is not None and id(current) not in visited:
            visited.add(id(current))
            yield current.start_mark.line + 1, current.start_mark.column + 1
            pending += list_child_nodes(current)


def _list_items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _find_value(node: yaml.Node | None, location: tuple[str, ...]) -> yaml.Node | None:
    for step in location:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for key, value in pairs if key.value == step), None)
    return node


def _prune_value(value: Any, location: tuple[str, ...], removed: dict[str, set[int]]) -> Any:  # noqa: ANN401 - YAML
    if location:
        return {**value, location[0]: _prune_value(value[location[0]], location[1:], removed)}
    return {
        key: [entry for index, entry in enumerate(item) if index not in removed[key]]
        if key in removed
        else item
        for key, item in value.items()
    }


def _prune_node(
    node: yaml.Node, location: tuple[str, ...], removed: dict[str, set[int]]
) -> yaml.Node:
    pairs = []
    for key, value in node.value:
        if location:
            pruned = (
                _prune_node(value, location[1:], removed) if key.value == location[0] else value
            )
        elif key.value in removed:
            entries = [e for i, e in enumerate(value.value) if i not in removed[key.value]]
            pruned = yaml.SequenceNode(value.tag, entries, value.start_mark, value.end_mark)
        else:
            pruned = value
        pairs.append((key, pruned))
    return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark)
