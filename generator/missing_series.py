"""Queries of specs whose series are missing: they can have no result with those that exist."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

import promql_parser as ast

from generator import names
from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.inventory import Inventory
from slos.schema.problem import Position
from slos.schema.promql import (
    list_children,
    matches_value,
    parse_template,
    strip_parentheses,
    walk_nodes,
    wrap_query,
)
from slos.schema.query_analysis import NotSummableError
from slos.schema.spec import LocatedSpec, Spec
from slos.schema.yaml.document import Location

_HasSeries = Callable[[ast.VectorSelector], bool]


def list_queries(spec: Spec) -> Iterator[tuple[Location, str]]:
    """Queries of a spec; an SLI that has none is an error of its own."""
    for index, slo in enumerate(spec.slos):
        with suppress(NotSummableError):
            signal = slo.sli.get_type().build_signal()
            yield (
                ("slos", index, "sli"),
                f"{wrap_query(signal.total)} or {wrap_query(signal.errors)}",
            )
    for index, recording in enumerate(spec.recordings):
        yield ("recordings", index, "query"), recording.query
    for index, alert in enumerate(spec.alerts):
        yield ("alerts", index, "query"), alert.query


def list_read_names(query: str) -> Iterator[str]:
    """Metrics that a query reads, and the ids of SLOs that it selects."""
    for node in walk_nodes(parse_template(query)):
        if isinstance(node, ast.VectorSelector):
            yield from _list_selected_names(node)


def _list_selected_names(selector: ast.VectorSelector) -> Iterator[str]:
    yield read_metric_name(selector)
    yield from (each.value for each in selector.matchers.matchers if each.name == names.ID)


def find_parts_without_series(
    specs: Sequence[LocatedSpec], inventory: Inventory
) -> dict[str, list[Position]]:
    """Find the parts whose queries read series that a prober never exports, by file.

    A part that reads the series of such a part is one as well.
    """
    parts = [
        (located, location[:2], _name_part(located.spec, location), query)
        for located in specs
        for location, query in list_queries(located.spec)
    ]
    recorded = {name for _, _, name, _ in parts}
    remaining = parts
    while True:
        provided = {name for _, _, name, _ in remaining}

        def has_series(selector: ast.VectorSelector, provided: set[str] = provided) -> bool:
            read = recorded & set(_list_selected_names(selector))
            return read <= provided if read else inventory.has_series(selector)

        kept = [part for part in remaining if can_have_result(part[3], has_series)]
        if len(kept) == len(remaining):
            break
        remaining = kept
    found: dict[str, list[Position]] = {}
    for part in parts:
        if part not in remaining:
            position = part[0].find_position(part[1])
            found.setdefault(position.file, []).append(position)
    return found


def _name_part(spec: Spec, location: Location) -> str:
    """Name by which queries read the series of a part; no query reads an alert's."""
    kind, index = location[0], int(location[1])
    if kind == "slos":
        return f"{spec.service}-{spec.slos[index].name}"
    return spec.recordings[index].record if kind == "recordings" else ""


def can_have_result(
    query: str, has_series: _HasSeries, *, labels: Mapping[str, str] = MappingProxyType({})
) -> bool:
    """Tell whether a query can have a result, by the series that exist.

    With `or` one side suffices. A side without series, such as `vector(0)` or `0 * x`, only fills
    in for the other, and does not count. For `unless` the left side decides.

    Args:
        query: the query.
        has_series: tells whether a selector can match a series.
        labels: labels of the results that count; `label_replace` may exclude them.
    """
    return _can_node_have_result(parse_template(query), has_series, labels) is not False


def _can_node_have_result(
    node: ast.Expr, has_series: _HasSeries, labels: Mapping[str, str]
) -> bool | None:
    """Tell whether a node can have a result; None if it reads no series that matter."""
    if isinstance(node, ast.VectorSelector):
        return has_series(node)
    set_label = _read_set_label(node)
    if set_label and set_label[0] in labels and not _can_be(set_label[1], labels[set_label[0]]):
        return False
    operator = str(node.op) if isinstance(node, ast.BinaryExpr) else ""
    if operator == "*" and any(map(_is_zero, list_children(node))):
        return None
    children = list_children(node)[:1] if operator == "unless" else list_children(node)
    results = [
        found
        for child in children
        if (found := _can_node_have_result(child, has_series, labels)) is not None
    ]
    if not results:
        return None
    return any(results) if operator == "or" else all(results)


def can_have_label(node: ast.Expr, label: str, value: str) -> bool:
    """Tell whether a node selects a value of a label, or sets it with `label_replace`."""
    for each in walk_nodes(node):
        if isinstance(each, ast.VectorSelector):
            matchers = [found for found in list_label_matchers(each) if found.name == label]
            if matchers and all(matches_value(found, value) for found in matchers):
                return True
        set_label = _read_set_label(each)
        if set_label and set_label[0] == label and _can_be(set_label[1], value):
            return True
    return False


def _read_set_label(node: ast.Expr) -> tuple[str, str] | None:
    """Read the label that `label_replace` sets, and the template of its value."""
    if not isinstance(node, ast.Call) or node.func.name != "label_replace":
        return None
    label, template = (strip_parentheses(each) for each in list(node.args)[1:3])
    if isinstance(label, ast.StringLiteral) and isinstance(template, ast.StringLiteral):
        return label.val, template.val
    return None


def _can_be(template: str, value: str) -> bool:
    """Tell whether a template of `label_replace` can give a value; `$1` gives any text."""
    parts = re.split(r"\$(?:\w+|\{\w+\})", template)
    return re.fullmatch(".+".join(map(re.escape, parts)), value, re.DOTALL) is not None


def _is_zero(node: ast.Expr) -> bool:
    node = strip_parentheses(node)
    return isinstance(node, ast.NumberLiteral) and node.val == 0
