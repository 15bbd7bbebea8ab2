"""Selectors compared with the labels and values that series in Prometheus have."""

import difflib
import re
from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint import _matchers, _terms
from generator.lint._subject import SloSubject
from generator.model import MetricFacts
from slos.schema import promql
from slos.schema.promql import format_operator, quote_string
from slos.schema.sli.raw import RawSli
from slos.schema.units import format_names

_WORD = re.compile(r"[\w-]+")
_NEAR = 0.8
_SHOWN = 8
_LE, _NAME = "le", "__name__"


def list_needed_selectors(subject: SloSubject) -> set[str]:
    """List the selectors of an SLI that must match series; those of errors may not match yet."""
    sli = subject.slo_spec.sli.get_type()
    if isinstance(sli, RawSli):
        wholes = [sides.whole for sides in _terms.list_sides(sli) if sides.whole is not None]
        if wholes:
            nodes = (node for whole in wholes for node in promql.walk_nodes(whole))
            return {
                promql.format_vector_selector(n) for n in nodes if isinstance(n, ast.VectorSelector)
            }
    return set(subject.slo.signal.sources)


def describe_faults(
    selector: str, facts: MetricFacts, *, is_needed: bool
) -> Iterator[tuple[str, str]]:
    """Describe the matchers of a selector that no series of its metric satisfies, with a hint.

    Args:
        selector: selector as text.
        facts: facts about its metric.
        is_needed: whether the selector must match series now.
    """
    node = promql.parse_query(selector)
    if not isinstance(node, ast.VectorSelector):
        return
    metric = _matchers.get_name(node)
    labels = facts.labels.get(metric)
    if not labels:
        return
    for matcher in node.matchers.matchers:
        if matcher.name in (_LE, _NAME):
            continue
        if matcher.name not in labels:
            if not _is_meant_to_be_absent(matcher):
                yield (
                    f"no series of {metric} has the label {matcher.name!r}",
                    _list_names("labels", matcher.name, sorted(labels)),
                )
        elif not facts.series.get(selector) and _misses(
            matcher, labels[matcher.name], is_needed=is_needed
        ):
            text = f"{matcher.name}{format_operator(matcher)}{quote_string(matcher.value)}"
            yield (
                f"no series of {metric} has {text}",
                _list_names(
                    f"values of {matcher.name!r}", matcher.value, list(labels[matcher.name])
                ),
            )


def describe_missing_label(label: str, metric: str, facts: MetricFacts) -> tuple[str, str] | None:
    """Describe a label that no series of a metric has, with a hint; None where there is one."""
    labels = facts.labels.get(metric)
    if not labels or label in labels:
        return None
    message = f"no series of {metric} has the label {label!r}"
    return message, _list_names("labels", label, sorted(labels))


def _list_names(kind: str, written: str, names: list[str]) -> str:
    near = difflib.get_close_matches(written, names, 1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    names = [name for name in names if name != _NAME]
    return f"{meant}{kind}: {format_names(names, _SHOWN)}"


def _is_meant_to_be_absent(matcher: ast.Matcher) -> bool:
    if format_operator(matcher) in ("=", "=~"):
        return _matchers.match_value(matcher, "")
    return matcher.value in (".+", ".*")


def _misses(matcher: ast.Matcher, values: Sequence[str], *, is_needed: bool) -> bool:
    """Tell whether a matcher matches none of the values, and is not about events yet to come."""
    if any(_matchers.match_value(matcher, value) for value in values):
        return False
    return is_needed or _is_of_other_kind(matcher, values) or _is_misspelt(matcher, values)


def _is_of_other_kind(matcher: ast.Matcher, values: Sequence[str]) -> bool:
    """Tell whether the values are all outcomes of one vocabulary, of which a matcher has none."""
    return any(
        set(values) <= set(vocabulary.values)
        and not any(_matchers.match_value(matcher, value) for value in vocabulary.values)
        for vocabulary in _matchers.VOCABULARIES
    )


def _is_misspelt(matcher: ast.Matcher, values: Sequence[str]) -> bool:
    if format_operator(matcher) not in ("=", "=~"):
        return False
    words = [word for word in _WORD.findall(matcher.value) if not word.isdigit()]
    lower = [value.lower() for value in values]
    return any(difflib.get_close_matches(word.lower(), lower, 1, _NEAR) for word in words)
