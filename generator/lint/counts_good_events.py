"""Errors that count good events, such as the fast ones."""

import math
from collections.abc import Iterator

from generator.lint import _terms
from generator.lint._subject import LintFinding, SloSubject
from slos.schema.promql import format_vector_selector

ID = "counts-good-events"
ALWAYS = False


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Queries of bad events that count good ones, and queries of good events that count bad ones.

    A bucket below a threshold has the fast events; labels and names tell the outcome of others.
    """
    sli = subject.slo_spec.sli.get_type()
    for sides in _terms.list_sides(sli):
        terms, _ = sides.list_terms()
        wrong = [term for term in terms if term.outcome is sides.counts_bad]
        if wrong and not any(term.outcome is (not sides.counts_bad) for term in terms):
            selector = format_vector_selector(wrong[0].selector)
            yield LintFinding(
                ("sli", sli.KEY, sides.key), *_describe_term(wrong[0], selector, sides)
            )


def _describe_term(term: _terms.Term, selector: str, sides: _terms.Sides) -> tuple[str, str]:
    counted, kind = ("good", "errors") if sides.counts_bad else ("bad", "good events")
    verb = "counts" if term.is_added else "subtracts"
    if math.isfinite(term.bound):
        counted = "fast" if term.is_added else "slow"
        return (
            f"{sides.key} counts the {counted} events as {kind}: it {verb} the bucket {selector}",
            "subtract the bucket from all events, or use a 'latency' SLI",
        )
    return (
        f"{sides.key} counts {counted} events as {kind}: it {verb} {selector}",
        "select the errors, or use a 'good_events' SLI, which has a query of good events"
        if sides.counts_bad
        else "select the good events, or use an 'events' SLI, which has a query of errors",
    )
