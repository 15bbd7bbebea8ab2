"""A period longer than the retention of samples."""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfSlo

ID = "beyond-retention"
ALWAYS = False


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Period of an SLO, where the retention is known from --retention or a live Prometheus."""
    kept, period = subject.retention, subject.slo.period
    if kept and kept < period:
        yield Finding(
            ("period",),
            f"the period {period} is longer than Prometheus keeps samples, {kept}: the budget "
            "would forget what is older",
            "shorten the period, or keep samples longer",
        )
