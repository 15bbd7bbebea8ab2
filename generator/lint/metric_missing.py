"""A metric nobody exports."""

from collections.abc import Iterator

from generator.lint.subject import Facts, Finding, OfSlo
from slos.schema import promql

ID = "no-such-metric"
ALWAYS = False


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Selectors that find nothing; of a histogram that is there, a bucket is another check's."""
    for selector in subject.slo.signal.sources:
        there = promql.matches_label(selector, "le") and facts.types.get(selector.partition("{")[0])
        if not facts.series.get(selector) and not there:
            yield Finding(
                ("sli",),
                f"Prometheus has no series {selector}",
                "nobody exports it, or its labels are others; compare with /metrics of the service",
            )
