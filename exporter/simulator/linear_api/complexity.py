"""Complexity of a query by the formula that Linear publishes. Pure.

A property is 0.1 points, an object 1, a connection multiplies its content by its page size; rounded
up. Linear's measured charges are far lower, so this is the strict side.
"""

import math
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

HIGHEST = 10_000
"""Maximum points of a single query."""
_DEFAULT_PAGE = 50
_PROPERTY = 0.1
_OBJECT = 1.0


def complexity(document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """Compute the points of a validated document, all operations together."""
    parts = {
        part.name.value: part.selection_set
        for part in document.definitions
        if isinstance(part, FragmentDefinitionNode)
    }
    points = sum(
        _points(part.selection_set, parts, variables)
        for part in document.definitions
        if isinstance(part, OperationDefinitionNode)
    )
    return math.ceil(round(points, 6))


def _points(
    selected: SelectionSetNode, parts: Mapping[str, SelectionSetNode], variables: Mapping[str, Any]
) -> float:
    points = 0.0
    for node in selected.selections:
        if isinstance(node, FieldNode) and node.selection_set is None:
            points += _PROPERTY
        elif isinstance(node, FieldNode) and node.selection_set is not None:
            inside = _points(node.selection_set, parts, variables)
            points += _OBJECT + inside * _times(node, variables)
        elif isinstance(node, InlineFragmentNode):
            points += _points(node.selection_set, parts, variables)
        elif isinstance(node, FragmentSpreadNode):
            points += _points(parts[node.name.value], parts, variables)
    return points


def _times(node: FieldNode, variables: Mapping[str, Any]) -> int:
    """Count the elements of a field: one, or the page size of a connection."""
    selected = node.selection_set.selections if node.selection_set else ()
    names = {inner.name.value for inner in selected if isinstance(inner, FieldNode)}
    if not names & {"nodes", "edges"}:
        return 1
    first = next((a.value for a in node.arguments or () if a.name.value == "first"), None)
    if isinstance(first, IntValueNode):
        return int(first.value)
    given = variables.get(first.name.value) if isinstance(first, VariableNode) else None
    return given if isinstance(given, int) else _DEFAULT_PAGE
