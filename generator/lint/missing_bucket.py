"""A histogram without a bucket at the threshold."""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfSlo
from generator.model import Facts
from slos.schema import promql

ID = "missing-bucket"
ALWAYS = False


def live(_: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Bucket selectors that match no series although the metric exists."""
    for selector, count in facts.series.items():
        if (
            not count
            and promql.matches_label(selector, "le")
            and facts.types.get(_metric(selector))
        ):
            yield Finding(
                ("sli",),
                f"the histogram has no bucket {selector}",
                "give it a bucket exactly there, or move the threshold to one it has",
            )


def _metric(selector: str) -> str:
    return selector.partition("{")[0]
