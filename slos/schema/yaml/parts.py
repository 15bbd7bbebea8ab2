"""Parts of a spec file that can be left out: documents, and their SLOs, alerts and recordings."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import yaml

# The lists whose entries are parts, at the top or in the `spec` of an object.
_SLOS, _RECORDINGS, _RECORD = "slos", "recordings", "record"
_LISTS = (_SLOS, "alerts", _RECORDINGS)

Place = tuple[int, int]
"""Line and column, counted from 1, at which a part starts."""


def get_place(node: yaml.Node) -> Place:
    """Get the line and column at which a node starts."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def remove_parts(documents: Sequence[yaml.Node], left_out: AbstractSet[Place]) -> list[yaml.Node]:
    """Remove parts from documents, and documents of which no other part is left."""
    kept = []
    for document in documents:
        lists = [each for each in _find_lists(document) if each.value]
        for each in lists:
            each.value = [entry for entry in each.value if get_place(entry) not in left_out]
        is_empty = bool(lists) and not any(each.value for each in lists)
        if not is_empty and get_place(document) not in left_out:
            kept.append(document)
    return kept


def find_parts(documents: Sequence[yaml.Node], place: Place) -> set[Place]:
    """Find the smallest parts with a node at a place; several parts share it by an alias."""
    entries = (entry for each in documents for found in _find_lists(each) for entry in found.value)
    parts = {get_place(entry) for entry in entries if _has_node_at(entry, place)}
    return parts or {get_place(each) for each in documents if _has_node_at(each, place)}


def list_series_names(
    documents: Sequence[yaml.Node], places: AbstractSet[Place] | None
) -> list[str]:
    """List the names by which queries read the parts at some places; None is all places.

    They are the metrics of recordings and the ids of SLOs.
    """
    names = []
    for document in documents:
        texts = {key: found.value for key, found in _list_all_pairs(document)}
        for key, found in _list_all_pairs(document):
            for entry in found.value if isinstance(found, yaml.SequenceNode) else ():
                if places is None or places & {get_place(document), get_place(entry)}:
                    values = dict(_list_pairs(entry))
                    if key == _RECORDINGS and _RECORD in values:
                        names.append(str(values[_RECORD].value))
                    elif key == _SLOS and "name" in values:
                        names.append(f"{texts.get('service')}-{values['name'].value}")
    return names


def _find_lists(document: yaml.Node) -> Iterator[yaml.SequenceNode]:
    for name, found in _list_all_pairs(document):
        if name in _LISTS and isinstance(found, yaml.SequenceNode):
            yield found


def _list_all_pairs(document: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """List the keys of a spec, at the top or in the `spec` of an object."""
    for key, value in _list_pairs(document):
        yield from _list_pairs(value) if key == "spec" else [(key, value)]


def _list_pairs(node: yaml.Node) -> list[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(key.value, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]


def _has_node_at(node: yaml.Node, place: Place) -> bool:
    pending, visited = [node], set()
    while pending:
        current = pending.pop()
        if get_place(current) == place:
            return True
        if id(current) not in visited and not isinstance(current, yaml.ScalarNode):
            visited.add(id(current))
            for child in current.value:
                pending += child if isinstance(child, tuple) else [child]
    return False
