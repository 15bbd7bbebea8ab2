"""Compatibility of PromQL with Prometheus 2.42, the oldest supported version, or with 3.

One query that Prometheus cannot parse makes it refuse the whole rule file. The lists hold what
our parser accepts and `promtool check rules` of 2.42 refuses. The versions are from Prometheus'
CHANGELOG.md.
"""

import re
from collections.abc import Iterable, Sequence

import promql_parser as ast

from slos.schema.golang import Re2Error, Re2Pattern

# The classic rule, which Prometheus 2.x requires; only 3.x accepts any UTF-8.
_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_METRIC_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')
_COMMENT = re.compile(r"#[^\n]*")
_QUOTED_NAME = re.compile(r'\{(?:[^{}]*,)?\s*""\s*[,}]')
_QUOTED_LABEL = re.compile(r'\{(?:[^{}]*,)?\s*""\s*[=!]')
_QUOTED_GROUPING = re.compile(r'\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*""')
_REGEX_OPERATORS = {"Re", "NotRe"}
_NUMBER = r"(?:0[xX][0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?)"
_UNITLESS_DURATION = re.compile(
    rf"\[\s*{_NUMBER}\s*[\]:]|:\s*{_NUMBER}\s*\]|\boffset\s+-?\s*{_NUMBER}(?![\w.])",
    re.IGNORECASE,
)

_RANGE = re.compile(r"\[[^\[\]]*\]|\boffset\s+-?\s*\w+", re.IGNORECASE)
_DURATION_NUMBER = re.compile(r"(?<![\w.:])(?:[0-9]+(?:ms|[smhdwy]))+\b")
_TIME = re.compile(rf"@\s*([-+]?\s*{_NUMBER})")
# The year 9999; the parser fails on times before 1970.
_LATEST_TIME = 253_402_300_799

_EXPERIMENTAL_FUNCTIONS_FLAG = "the flag promql-experimental-functions"
_DURATION_EXPRESSIONS = "Prometheus 3 and the flag promql-duration-expr"
REQUIRED_VERSIONS = {
    "double_exponential_smoothing": f"Prometheus 3 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "end": _DURATION_EXPRESSIONS,
    "first_over_time": f"Prometheus 3 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "histogram_avg": "Prometheus 2.50",
    "histogram_stddev": "Prometheus 2.48",
    "histogram_stdvar": "Prometheus 2.48",
    "info": f"Prometheus 3 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "limit_ratio": f"Prometheus 2.54 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "limitk": f"Prometheus 2.54 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "mad_over_time": f"Prometheus 2.49 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "range": _DURATION_EXPRESSIONS,
    "sort_by_label": f"Prometheus 2.49 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "sort_by_label_desc": f"Prometheus 2.49 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "start": _DURATION_EXPRESSIONS,
    "step": _DURATION_EXPRESSIONS,
    "ts_of_first_over_time": f"Prometheus 3 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "ts_of_last_over_time": f"Prometheus 3 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "ts_of_max_over_time": f"Prometheus 3 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
    "ts_of_min_over_time": f"Prometheus 3 and {_EXPERIMENTAL_FUNCTIONS_FLAG}",
}
"""Functions and aggregations that Prometheus 2.42 lacks, with the version or flag they need."""


OLDEST_VERSION, UTF8_VERSION = 2, 3
"""Major version that queries are for unless the run says otherwise, and the first with any name."""


def is_classic_label(name: str) -> bool:
    """Return whether Prometheus 2 knows a label of this name."""
    return _LABEL_NAME.fullmatch(name) is not None


def is_classic_grouping(name: str) -> bool:
    """Return whether a label is written without quotes in the list of a grouping.

    Prometheus reads `inf` and `nan` in any case as numbers there.
    """
    return is_classic_label(name) and name.lower() not in {"inf", "nan"}


def is_classic_metric(name: str) -> bool:
    """Return whether a metric name is written without quotes in every version."""
    return _METRIC_NAME.fullmatch(name) is not None


def describe_classic_name(name: str) -> str:
    """Describe as a hint what to use in place of a name that Prometheus 2 does not know."""
    classic = re.sub(r"[^A-Za-z0-9_]|^(?=[0-9])|^(?=(?:inf|nan)$)", "_", name, flags=re.IGNORECASE)
    return (
        f"use the name that Prometheus 2 has, like {classic}, or build with --prometheus-version 3"
    )


def check_compatibility(nodes: Iterable[ast.Expr], query: str, version: int) -> None:
    """Check that Prometheus 2.42, or 3, can parse a query.

    Args:
        nodes: the nodes of the query's syntax tree.
        query: its text; some syntax leaves no trace in the tree.
        version: the major version.

    Raises:
        ValueError: it cannot; the message has the version needed, and a hint after a semicolon.
    """
    nodes = tuple(nodes)
    if version < UTF8_VERSION:
        selectors = [node for node in nodes if isinstance(node, ast.VectorSelector)]
        _check_syntax(_COMMENT.sub("", _STRING.sub('""', query)), selectors)
    for node in nodes:
        match node:
            case ast.Call():
                _check_function(node.func.name, version)
            case ast.AggregateExpr():
                _check_function(str(node.op), version)
            case ast.VectorSelector():
                _check_selector(node)
            case ast.BinaryExpr():
                _check_fill_values(node)


def read_metric_name(selector: ast.VectorSelector) -> str:
    """Read the metric of a selector, also of `{__name__="m"}`; empty if it may be any."""
    if selector.name:
        return selector.name
    names = [
        each.value
        for each in selector.matchers.matchers
        if each.name == "__name__" and str(each.op) == "MatchOp.Equal"
    ]
    return names[0] if len(names) == 1 else ""


def list_label_matchers(selector: ast.VectorSelector) -> list[ast.Matcher]:
    """List the matchers of a selector that `read_metric_name` does not read."""
    metric = read_metric_name(selector)
    return [
        each
        for each in selector.matchers.matchers
        if each.name != "__name__" or not metric or each.value != metric
    ]


def _check_syntax(query: str, selectors: Sequence[ast.VectorSelector]) -> None:
    if _QUOTED_NAME.search(query):
        metrics = dict.fromkeys(filter(None, map(read_metric_name, selectors)))
        forms = [name if is_classic_metric(name) else f'{{__name__="{name}"}}' for name in metrics]
        raise ValueError(
            "a quoted name of a metric needs Prometheus 3; "
            f"write {', '.join(forms)}, or build with --prometheus-version 3"
        )
    for selector in selectors:
        for matcher in selector.matchers.matchers:
            if not is_classic_label(matcher.name):
                raise ValueError(
                    f"the label name {matcher.name!r} needs Prometheus 3; "
                    f"{describe_classic_name(matcher.name)}"
                )
    if _QUOTED_LABEL.search(query) or _QUOTED_GROUPING.search(query):
        raise ValueError(
            "quoted names of labels need Prometheus 3; write classic names without quotes, "
            "or build with --prometheus-version 3"
        )
    duration = _UNITLESS_DURATION.search(query)
    if duration:
        raise ValueError(f"{duration.group()} needs Prometheus 3; give it a unit, like 5m or 300s")
    number = _DURATION_NUMBER.search(_RANGE.sub("[]", query))
    if number:
        raise ValueError(
            f"{number.group()} as a number needs Prometheus 3; write a number of seconds"
        )
    for time in _TIME.finditer(query):
        text = time.group(1).replace(" ", "")
        seconds = int(text, 16) if "x" in text.lower() else float(text)
        if not 0 <= seconds <= _LATEST_TIME:
            raise ValueError(f"@ {text} is not a time; write Unix seconds, like @ 1700000000")


def _check_function(name: str, version: int) -> None:
    requirement = REQUIRED_VERSIONS.get(name, "")
    if requirement and (version < UTF8_VERSION or "flag" in requirement):
        newer = (
            "" if "flag" in requirement else f", or build with --prometheus-version {UTF8_VERSION}"
        )
        raise ValueError(
            f"{name}() needs {requirement}, and other servers reject the file; "
            f"use another function{newer}"
        )


def _check_fill_values(node: ast.BinaryExpr) -> None:
    values = node.modifier.fill_values if node.modifier is not None else None
    if values is not None and (values.lhs, values.rhs) != (None, None):
        raise ValueError("fill() needs Prometheus 3; use 'or' with a default")


def _check_selector(node: ast.VectorSelector) -> None:
    if node.matchers.or_matchers:
        raise ValueError("'or' between matchers is not PromQL; use =~ with a|b")
    for matcher in node.matchers.matchers:
        if str(matcher.op).removeprefix("MatchOp.") in _REGEX_OPERATORS:
            _check_regex(matcher.value)


def _check_regex(pattern: str) -> None:
    """Check a regular expression by RE2; our PromQL parser uses another engine than Prometheus."""
    try:
        Re2Pattern(pattern)
    except Re2Error as error:
        raise ValueError(
            f"{pattern!r} is not a regular expression: {error}; use the syntax of RE2"
        ) from error
