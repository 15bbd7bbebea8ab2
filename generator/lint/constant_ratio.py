"""A ratio of errors that is always 1."""

from collections.abc import Iterator, Sequence

from generator.lint import _matchers, _terms
from generator.lint._subject import LintFinding, SloSubject

ID = "constant-ratio"
ALWAYS = False


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Queries that count the same events, and queries split by the label that marks errors."""
    sli = subject.slo_spec.sli.get_type()
    for sides in _terms.list_sides(sli):
        part, whole = sides.list_terms()
        path = ("sli", sli.KEY, sides.key)
        if part and whole and _covers(part, whole) and _covers(whole, part):
            yield LintFinding(
                path,
                f"{sides.key} selects the same events as the total",
                f"select only the {'errors' if sides.counts_bad else 'good events'} in {sides.key}",
            )
        for label in _list_splitting_labels(sides, part, whole):
            yield LintFinding(
                path,
                f"the ratio is split by {label!r}, which marks the errors: it is 0 or 1 in each "
                "group",
                f"leave {label!r} out of the grouping of both queries",
            )


def _covers(terms: Sequence[_terms.Term], others: Sequence[_terms.Term]) -> bool:
    """Tell whether terms have all events of other terms, as far as their values are known."""
    return all(
        any(
            (each.family, each.function, each.is_added, each.bound)
            == (other.family, other.function, other.is_added, other.bound)
            and _matchers.find_outsider(other.selector, [each.selector]) is None
            for each in terms
        )
        for other in others
    )


def _list_splitting_labels(
    sides: _terms.Sides, part: Sequence[_terms.Term], whole: Sequence[_terms.Term]
) -> list[str]:
    grouping = sides.grouping
    if grouping is None:
        return []
    marking = {each for term in part for each in _matchers.list_outcome_labels(term.selector)}
    chosen = {each.name for term in whole for each in term.selector.matchers.matchers}
    same = {term.family for term in part} == {term.family for term in whole}
    return sorted(
        label
        for label in marking - chosen
        if same and (label in grouping.labels) is not grouping.without
    )
