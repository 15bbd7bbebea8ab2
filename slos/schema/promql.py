"""PromQL as specs hold it: query templates with one variable, the window.

Sloth's queries are Go templates that know `{{.window}}` and nothing else; so are ours.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

import promql_parser as ast

from slos.schema.portable import check_portable

_VARIABLE = re.compile(r"\{\{(- )?\s*\.window\s*( -)?\}\}")
_ANY_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
# What templates are read with: a range no query would spell out, so that fixed ranges can be
# told from the window; the same everywhere, so that each query is parsed once.
ANY_WINDOW = "7919s"
ANY_WINDOW_SECONDS = 7919
_ANY_WINDOW_PARSED = "2h11m59s"
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def render(template: str, window: str) -> str:
    """Fill in the window; `{{- .window -}}` trims the white space beside it, as in Go."""

    def fill(match: re.Match[str]) -> str:
        before, after = match.groups()
        return f"{chr(0) if before else ''}{window}{chr(0) if after else ''}"

    return re.sub(r"\s*\x00\s*", "", _VARIABLE.sub(fill, template))


def check_template(template: str) -> str:
    """Give the template back when it is an instant query once the window is filled in.

    Raises:
        ValueError: empty, a template action other than the window, not PromQL, not a vector,
            or something only newer or other engines understand.
    """
    if not template.strip():
        raise ValueError("the query is empty; write a PromQL expression")
    filled = render(template, ANY_WINDOW)
    unknown = _ANY_ACTION.search(filled)
    if unknown:
        raise ValueError(
            f"cannot fill in {unknown.group()}; only {{{{.window}}}} and names "
            "under 'settings' are known here"
        )
    tree = parse_template(template)
    if not isinstance(tree, ast.AggregateExpr):
        _check_is_vector(filled)
    check_portable(walk(tree), filled)
    return template


def _check_is_vector(query: str) -> None:
    """sum() takes instant vectors only, so the parser itself tells the type."""
    try:
        parse(f"sum{wrapped(query)}")
    except ValueError as error:
        if "got scalar" not in str(error):
            raise
        message = str(error).partition("; ")[0]
        raise ValueError(f"{message}; write vector(...) around a query that is a scalar") from error


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


def check_selector(matchers: str) -> str:
    """Matchers without braces; `{job="x"}` and `job="x"` are the same.

    Raises:
        ValueError: when they are anything else.
    """
    inner = matchers.strip().removeprefix("{").removesuffix("}").strip().rstrip(",")
    query = f"up{{{inner}}}"
    if not isinstance(parse(query), ast.VectorSelector):
        raise ValueError(  # noqa: TRY004 - pydantic takes ValueError for a finding
            f'{matchers!r} is not a selector; write matchers like job="api"'
        )
    check_template(query)
    return inner


def is_metric(name: str) -> bool:
    """Whether PromQL reads a name as that of a metric; `bool` and `on` are words of its own."""
    try:
        return isinstance(parse(name), ast.VectorSelector)
    except ValueError:
        return False


@lru_cache(maxsize=256)
def parse(query: str) -> ast.Expr:
    """The syntax tree of a query.

    Raises:
        ValueError: with the parser's finding and the query.
    """
    try:
        return ast.parse(query)
    except ValueError as error:
        raise ValueError(f"not PromQL: {error}; in the query {shown(query)}") from error


@lru_cache(maxsize=256)
def parse_template(template: str) -> ast.Expr:
    """The syntax tree of a query template, its window filled in.

    Raises:
        ValueError: as `parse`.
    """
    return parse(render(template, ANY_WINDOW))


def wrapped(query: str) -> str:
    """The query in parentheses; a comment at its end must not swallow the closing one."""
    query = query.strip()
    return f"(\n{query}\n)" if "\n" in query or "#" in query else f"({query})"


def is_filter(template: str) -> bool:
    """Whether a query ends in a comparison that drops what it does not hold for."""
    tree = parse_template(template)
    while isinstance(tree, ast.ParenExpr):
        tree = tree.expr
    if not isinstance(tree, ast.BinaryExpr) or str(tree.op) not in _COMPARISONS:
        return False
    return tree.modifier is None or not tree.modifier.return_bool


def selectors(template: str) -> tuple[str, ...]:
    """Every distinct series selector of a query, in the order of reading, as PromQL text."""
    found: dict[str, None] = {}
    for node in walk(parse_template(template)):
        if isinstance(node, ast.VectorSelector):
            found.setdefault(_selector_text(node))
    return tuple(found)


def matches_label(query: str, label: str) -> bool:
    """Whether some selector of a query asks for a value of a label."""
    return any(
        matcher.name == label
        for node in walk(parse(query))
        if isinstance(node, ast.VectorSelector)
        for matcher in node.matchers.matchers
    )


def reach_ms(query: str) -> int:
    """How far back a query looks at most, in milliseconds: its ranges and shifts, added up."""
    return _reach_ms(parse_template(query))


def _reach_ms(node: ast.Expr) -> int:
    lengths = (getattr(node, "range", None), getattr(node, "offset", None))
    own: float = sum(abs(each.total_seconds()) for each in lengths if each is not None)
    return round(1000 * own) + max(map(_reach_ms, children(node)), default=0)


def walk(node: ast.Expr) -> Iterator[ast.Expr]:
    """All nodes of a syntax tree, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: ast.Expr) -> list[ast.Expr]:
    """The direct sub-expressions of a node, left to right."""
    if isinstance(node, ast.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, ast.Call):
        return list(node.args)
    if isinstance(node, ast.MatrixSelector):
        return [node.vector_selector]
    if isinstance(node, ast.AggregateExpr):
        return [node.expr] if node.param is None else [node.param, node.expr]
    inner = getattr(node, "expr", None)
    return [] if inner is None else [inner]


def quoted(value: str) -> str:
    """A PromQL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def label_set(labels: Mapping[str, str]) -> str:
    """`{a="1", b="2"}`, sorted by name."""
    return "{" + ", ".join(f"{name}={quoted(labels[name])}" for name in sorted(labels)) + "}"


def operator(matcher: ast.Matcher) -> str:
    """How a matcher compares, as PromQL and Alertmanager write it."""
    return _OPERATORS[str(matcher.op).removeprefix("MatchOp.")]


def _selector_text(node: ast.VectorSelector) -> str:
    matchers = ", ".join(f"{m.name}{operator(m)}{quoted(m.value)}" for m in node.matchers.matchers)
    return (node.name or "") + (f"{{{matchers}}}" if matchers else "")


def shown(query: str) -> str:
    """A query on one line, with the window as people write it."""
    line = " ".join(query.split())
    for spelling in (ANY_WINDOW, _ANY_WINDOW_PARSED):
        line = line.replace(spelling, "{{.window}}")
    return line
