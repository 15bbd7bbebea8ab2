"""Errors that are no part of the total."""

from collections.abc import Iterator, Sequence

from generator.lint import _matchers, _terms
from generator.lint._subject import LintFinding, SloSubject
from slos.schema.promql import format_label_set
from slos.schema.query_analysis import Grouping

ID = "errors-exceed-total"
ALWAYS = False

_SWAPPED = "the queries seem to be swapped; exchange them"
_NARROW = "use the matchers of the total, and those of the errors in addition"


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Queries of errors, or of good events, whose selectors are wider than those of the total."""
    sli = subject.slo_spec.sli.get_type()
    for sides in _terms.list_sides(sli):
        part, whole = ([term for term in side if term.is_added] for side in sides.list_terms())
        path = ("sli", sli.KEY, sides.key)
        for term in part:
            outside = _find_outside(term, whole, sides.grouping)
            if outside:
                swapped = all(_find_outside(each, part, sides.grouping) is None for each in whole)
                yield LintFinding(
                    path,
                    f"{sides.key} is wider than the total: it also counts {outside}",
                    _SWAPPED if swapped else _NARROW,
                )
                break


def _find_outside(
    term: _terms.Term, whole: Sequence[_terms.Term], grouping: Grouping | None
) -> str | None:
    """Find events of a term that the total does not count; None where none are known."""
    family = [each for each in whole if each.family == term.family]
    name = _matchers.get_name(term.selector)
    if not family:
        totals = {each.family for each in whole if _matchers.judge_name(each.family)}
        is_failure = _matchers.judge_name(name) is False and len(totals) == len(whole) > 0
        return f"{name}, which is not in {' or '.join(sorted(totals))}" if is_failure else None
    if grouping is None:
        return None
    bound = max(each.bound for each in family)
    if term.bound > bound:
        return f"events above the bucket le={bound:g}"
    ignored = frozenset(
        matcher.name
        for each in (term, *family)
        for matcher in each.selector.matchers.matchers
        if (matcher.name in grouping.labels) is not grouping.without
    )
    labels = _matchers.find_outsider(term.selector, [each.selector for each in family], ignored)
    return name + format_label_set(labels) if labels else None
