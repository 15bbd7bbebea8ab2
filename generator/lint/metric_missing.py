"""A metric nobody exports."""

from collections.abc import Iterator

from generator.lint.subject import Facts, Finding, OfSlo

ID = "no-such-metric"
ALWAYS = False


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Selectors that find nothing; of a histogram, the bucket at the threshold is one."""
    for selector in subject.slo.signal.sources:
        if not facts.series.get(selector):
            bucket = "_bucket{" in selector and "le=" in selector
            what = "the histogram has no bucket at the threshold" if bucket else "nobody exports it"
            yield Finding(
                ("sli",),
                f"Prometheus has no series {selector}",
                f"{what}, or its labels are others; compare with /metrics of the service",
            )
