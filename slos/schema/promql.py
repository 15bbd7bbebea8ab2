"""PromQL as specs hold it: query templates with one variable, the window.

Sloth's queries are Go templates that know `{{.window}}` and nothing else; so are ours.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import promql_parser

_VARIABLE = re.compile(r"\{\{(- )?\s*\.window\s*( -)?\}\}")
_ANY_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_PROBE_WINDOW = "7m"


def render(template: str, window: str) -> str:
    """Fill in the window; `{{- .window -}}` trims the white space beside it, as in Go."""

    def fill(match: re.Match[str]) -> str:
        before, after = match.groups()
        return f"{chr(0) if before else ''}{window}{chr(0) if after else ''}"

    return re.sub(r"\s*\x00\s*", "", _VARIABLE.sub(fill, template))


def check_template(template: str) -> str:
    """Give the template back when it is PromQL once the window is filled in.

    Raises:
        ValueError: empty, a template action other than the window, or not PromQL.
    """
    if not template.strip():
        raise ValueError("the query is empty; write a PromQL expression")
    filled = render(template, _PROBE_WINDOW)
    unknown = _ANY_ACTION.search(filled)
    if unknown:
        raise ValueError(f"cannot fill in {unknown.group()}; only {{{{.window}}}} is known here")
    parse(filled)
    return template


def check_windowed_template(template: str) -> str:
    """Like `check_template`, and the window must occur.

    Raises:
        ValueError: as `check_template`, or when `{{.window}}` is missing.
    """
    if template.strip() and not _VARIABLE.search(template):
        raise ValueError(
            "the query has no {{.window}}; write the range as a variable, like rate(m[{{.window}}])"
        )
    return check_template(template)


@lru_cache(maxsize=4096)
def parse(query: str) -> promql_parser.Expr:
    """The syntax tree of a query.

    Raises:
        ValueError: with the parser's finding and the query.
    """
    try:
        return promql_parser.parse(query)
    except ValueError as error:
        raise ValueError(f"not PromQL: {error}; in the query {_one_line(query)}") from error


def selectors(template: str) -> list[str]:
    """Every distinct series selector of a query, in the order of reading, as PromQL text."""
    found = []
    for node in walk(parse(render(template, _PROBE_WINDOW))):
        if isinstance(node, promql_parser.VectorSelector):
            text = _selector_text(node)
            if text not in found:
                found.append(text)
    return found


def walk(node: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    """All nodes of a syntax tree, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: promql_parser.Expr) -> list[promql_parser.Expr]:
    """The direct sub-expressions of a node, left to right."""
    if isinstance(node, promql_parser.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, promql_parser.Call):
        return list(node.args)
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    if isinstance(node, promql_parser.AggregateExpr):
        return [node.expr] if node.param is None else [node.param, node.expr]
    inner = getattr(node, "expr", None)
    return [] if inner is None else [inner]


def quoted(value: str) -> str:
    """A PromQL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def label_set(labels: dict[str, str]) -> str:
    """`{a="1", b="2"}`, sorted by name."""
    return "{" + ", ".join(f"{name}={quoted(labels[name])}" for name in sorted(labels)) + "}"


def _selector_text(node: promql_parser.VectorSelector) -> str:
    matchers = str(node.matchers)
    text = (node.name or "") + ("" if matchers == "{}" else matchers)
    return text or "{}"


def _one_line(query: str) -> str:
    return " ".join(query.split())
