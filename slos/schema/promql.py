"""PromQL query templates of specs: parsing, checks and formatting.

As with Sloth, a query is a Go template whose only variable is `{{.window}}`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import promql_parser as ast

from slos.schema.compatibility import (
    OLDEST_VERSION,
    check_compatibility,
    is_classic_grouping,
    is_classic_label,
    is_classic_metric,
    read_metric_name,
)
from slos.schema.golang import Re2Pattern

_WINDOW_VARIABLE = re.compile(r"\{\{(- )?\s*\.window\s*( -)?\}\}")
_ANY_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
# The window that templates are parsed with. No query has this range itself, so fixed ranges
# differ from the window. It is the same everywhere, so that each query is parsed once.
PLACEHOLDER_WINDOW = "7919s"
PLACEHOLDER_WINDOW_SECONDS = 7919
COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_PLACEHOLDER_WINDOW_PARSED = "2h11m59s"
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def render_template(template: str, window: str) -> str:
    """Fill the window into a template; `{{- .window -}}` trims white space around it, as in Go."""

    def fill_window(match: re.Match[str]) -> str:
        before, after = match.groups()
        return f"{chr(0) if before else ''}{window}{chr(0) if after else ''}"

    return re.sub(r"\s*\x00\s*", "", _WINDOW_VARIABLE.sub(fill_window, template))


def check_template(template: str, version: int = OLDEST_VERSION) -> str:
    """Return a template when it is an instant query once the window is filled in.

    Raises:
        ValueError: it is empty, has another template action than the window, is not PromQL, is
            not a vector, or needs a Prometheus newer than the major `version`.
    """
    if not template.strip():
        raise ValueError("the query is empty; write a PromQL expression")
    query = render_template(template, PLACEHOLDER_WINDOW)
    unknown_action = _ANY_ACTION.search(query)
    if unknown_action:
        raise ValueError(
            f"unknown variable {unknown_action.group()}; only {{{{.window}}}} and names "
            "under 'settings' are known"
        )
    tree = parse_template(template)
    if not isinstance(tree, ast.AggregateExpr):
        _check_vector_type(query)
    check_compatibility(walk_nodes(tree), query, version)
    return template


def check_query(query: str, version: int = OLDEST_VERSION) -> str:
    """Check a query without a window, as `check_template` does.

    Raises:
        ValueError: as `check_template`, or it has `{{.window}}`.
    """
    if _WINDOW_VARIABLE.search(query):
        raise ValueError("{{.window}} is only known in an SLI; write a range, like [5m]")
    return check_template(query, version)


def _check_vector_type(query: str) -> None:
    """Check that a query is an instant vector; the parser accepts only those in sum()."""
    try:
        parse_query(f"sum{wrap_query(query)}")
    except ValueError as error:
        if "got scalar" not in str(error):
            raise
        message = str(error).partition("; ")[0]
        raise ValueError(f"{message}; write vector(...) around a query that is a scalar") from error


def check_windowed_template(template: str, version: int = OLDEST_VERSION) -> str:
    """Check a template as `check_template` does; it must also have the window.

    Raises:
        ValueError: as `check_template`, or `{{.window}}` is missing.
    """
    if template.strip() and not _WINDOW_VARIABLE.search(template):
        raise ValueError(
            "missing {{.window}} in the query; write the range like rate(m[{{.window}}])"
        )
    return check_template(template, version)


def check_selector(matchers: str, version: int = OLDEST_VERSION) -> str:
    """Return label matchers without braces; `{job="x"}` and `job="x"` are the same.

    Raises:
        ValueError: they are not label matchers.
    """
    inner = matchers.strip().removeprefix("{").removesuffix("}").strip().rstrip(",")
    query = f"up{{{inner}}}"
    if not isinstance(parse_query(query), ast.VectorSelector):
        raise ValueError(  # noqa: TRY004 - pydantic takes ValueError for a finding
            f'{matchers!r} is not a selector; write matchers like job="api"'
        )
    check_template(query, version)
    return inner


def is_metric_name(name: str) -> bool:
    """Return whether PromQL parses a name as a metric; `bool` and `on` are keywords."""
    try:
        return isinstance(parse_query(name), ast.VectorSelector)
    except ValueError:
        return False


def is_equality_selector(text: str) -> bool:
    """Return whether a text is a metric name, with values of labels or without."""
    try:
        node = parse_query(text)
    except ValueError:
        return False
    return (
        isinstance(node, ast.VectorSelector)
        and bool(read_metric_name(node))
        and all(format_operator(each) == "=" for each in node.matchers.matchers)
    )


@lru_cache(maxsize=256)
def parse_query(query: str) -> ast.Expr:
    """Parse a query into its syntax tree.

    Raises:
        ValueError: it is not PromQL; the message has the parser's error and the query.
    """
    try:
        return ast.parse(query)
    except ValueError as error:
        raise ValueError(
            f"invalid PromQL: {error}; correct the query {format_query(query)}"
        ) from error


@lru_cache(maxsize=256)
def parse_template(template: str) -> ast.Expr:
    """Parse a query template with a placeholder for the window.

    Raises:
        ValueError: as `parse_query`.
    """
    return parse_query(render_template(template, PLACEHOLDER_WINDOW))


def wrap_query(query: str) -> str:
    """Put a query in parentheses, on lines of their own where the query may end in a comment."""
    query = query.strip()
    return f"(\n{query}\n)" if "\n" in query or "#" in query else f"({query})"


def is_filter_query(template: str) -> bool:
    """Return whether the outermost operator is a comparison that drops samples."""
    tree = strip_parentheses(parse_template(template))
    if not isinstance(tree, ast.BinaryExpr) or str(tree.op) not in COMPARISONS:
        return False
    return tree.modifier is None or not tree.modifier.return_bool


def list_selectors(template: str) -> tuple[str, ...]:
    """List the distinct series selectors of a query as PromQL text, from left to right."""
    found: dict[str, None] = {}
    for node in walk_nodes(parse_template(template)):
        if isinstance(node, ast.VectorSelector):
            found.setdefault(format_vector_selector(node))
    return tuple(found)


def read_selector_metric(selector: str) -> str:
    """Read the metric of a selector as text; empty if it may be any."""
    node = parse_query(selector)
    return read_metric_name(node) if isinstance(node, ast.VectorSelector) else ""


def has_label_matcher(query: str, label: str) -> bool:
    """Return whether any selector of a query has a matcher for a label."""
    return label in list_matched_labels(query)


def list_matched_labels(query: str) -> set[str]:
    """List the labels that the selectors of a query have matchers for."""
    return {
        matcher.name
        for node in walk_nodes(parse_query(query))
        if isinstance(node, ast.VectorSelector)
        for matcher in node.matchers.matchers
    }


def compute_lookback_ms(query: str) -> int:
    """Compute the lookback of a query in milliseconds: nested ranges and offsets, summed."""
    return _compute_node_lookback_ms(parse_template(query))


def _compute_node_lookback_ms(node: ast.Expr) -> int:
    durations = (getattr(node, "range", None), getattr(node, "offset", None))
    node_seconds: float = sum(abs(each.total_seconds()) for each in durations if each is not None)
    return round(1000 * node_seconds) + max(
        map(_compute_node_lookback_ms, list_children(node)), default=0
    )


def walk_nodes(node: ast.Expr) -> Iterator[ast.Expr]:
    """Iterate over the nodes of a syntax tree, parents first."""
    yield node
    for child in list_children(node):
        yield from walk_nodes(child)


def list_children(node: ast.Expr) -> list[ast.Expr]:
    """List the direct sub-expressions of a node, from left to right."""
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


def strip_parentheses(node: ast.Expr) -> ast.Expr:
    """Return the expression within the parentheses around a node."""
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    return node


def quote_string(value: str) -> str:
    """Quote a text as a PromQL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@lru_cache(maxsize=256)
def format_label_name(name: str) -> str:
    """Format the name of a label; one that only Prometheus 3 knows is quoted."""
    return name if is_classic_label(name) else quote_string(name)


def format_label_names(labels: Iterable[str]) -> str:
    """Format names of labels as the list of a grouping."""
    return ", ".join(name if is_classic_grouping(name) else quote_string(name) for name in labels)


def format_label_set(labels: Mapping[str, str]) -> str:
    """Format labels as `{a="1", b="2"}`, sorted by name."""
    matchers = (
        f"{format_label_name(name)}={quote_string(labels[name])}" for name in sorted(labels)
    )
    return f"{{{', '.join(matchers)}}}"


def format_selector(metric: str, *matchers: str) -> str:
    """Format a selector of a metric and matchers, each as PromQL text; empty ones are left out.

    A name that has to be quoted, or is a keyword, becomes a matcher of `__name__`, which every
    version can parse.
    """
    written = [matcher for matcher in matchers if matcher]
    if metric and not (is_classic_metric(metric) and is_metric_name(metric)):
        metric, written = "", [f"__name__={quote_string(metric)}", *written]
    return metric + (f"{{{', '.join(written)}}}" if written else "")


def format_operator(matcher: ast.Matcher) -> str:
    """Format the operator of a matcher as PromQL and Alertmanager do: `=`, `!=`, `=~` or `!~`."""
    return _OPERATORS[str(matcher.op).removeprefix("MatchOp.")]


def format_matcher(matcher: ast.Matcher) -> str:
    """Format a matcher as PromQL text."""
    name = format_label_name(matcher.name)
    return f"{name}{format_operator(matcher)}{quote_string(matcher.value)}"


def matches_value(matcher: ast.Matcher, value: str) -> bool:
    """Return whether a matcher matches the value of a label; a missing label is empty."""
    match format_operator(matcher):
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case "=~":
            return _compile_pattern(matcher.value).matches_whole(value)
    return not _compile_pattern(matcher.value).matches_whole(value)


_compile_pattern = lru_cache(maxsize=256)(Re2Pattern)


def format_vector_selector(node: ast.VectorSelector) -> str:
    """Format a selector as PromQL text, without its range and offset."""
    return format_selector(node.name or "", *map(format_matcher, node.matchers.matchers))


def format_query(query: str) -> str:
    """Format a query on one line, the placeholder as `{{.window}}` again."""
    line = " ".join(query.split())
    for spelling in (PLACEHOLDER_WINDOW, _PLACEHOLDER_WINDOW_PARSED):
        line = line.replace(spelling, "{{.window}}")
    return line
