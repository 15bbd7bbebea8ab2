"""A pattern in a matcher that compares text."""

import re
from collections.abc import Iterator

import promql_parser as ast

from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from slos.schema import promql
from slos.schema.promql import format_operator, quote_string

ID = "pattern-as-value"
ALWAYS = False

# Text that hardly any label value has: `.*`, `\d`, `[0-9]`, `5..`, `a|b`, `^a`.
_PATTERN = re.compile(
    r"\.[*+]|\\[dw.]|\[[\w^]-?[\w^]*\]|(?<!\S)\d\.\.(?!\S)|^[\w.-]+(?:\|[\w.-]+)+$|^\^"
)
_EFFECTS = {"=": "matches nothing", "!=": "leaves out nothing"}


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Matchers with `=` or `!=` in an SLI whose value is a regular expression."""
    sli = subject.slo_spec.sli.get_type()
    written: dict[tuple[str, ...], str] = {
        ("sli", sli.KEY, key): query for key, query in subject.written_queries.items()
    }
    built: dict[tuple[str, ...], str] = {("sli", sli.KEY): subject.slo.signal.total}
    yield from _find_patterns(written or built)


def check_query(subject: QuerySubject) -> Iterator[LintFinding]:
    """Such matchers in a standalone alert or recording."""
    yield from _find_patterns({("query",): subject.query})


def _find_patterns(queries: dict[tuple[str, ...], str]) -> Iterator[LintFinding]:
    for path, query in queries.items():
        matchers = (
            matcher
            for node in promql.walk_nodes(promql.parse_template(query))
            if isinstance(node, ast.VectorSelector)
            for matcher in node.matchers.matchers
        )
        for text, hint in dict.fromkeys(
            _describe_matcher(each) for each in matchers if _is_misread(each)
        ):
            yield LintFinding(path, text, hint)


def _is_misread(matcher: ast.Matcher) -> bool:
    return format_operator(matcher) in _EFFECTS and bool(_PATTERN.search(matcher.value))


def _describe_matcher(matcher: ast.Matcher) -> tuple[str, str]:
    operator, value = format_operator(matcher), quote_string(matcher.value)
    pattern = {"=": "=~", "!=": "!~"}[operator]
    effect = f"compares with this text, not with a pattern, and {_EFFECTS[operator]}"
    return (
        f"{matcher.name}{operator}{value} {effect}",
        f"write {matcher.name}{pattern}{value} for a regular expression",
    )
