"""A period longer than the retention of samples."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject

ID = "beyond-retention"
ALWAYS = False


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Period of an SLO, where the retention is known from --retention or a live Prometheus."""
    retention, period = subject.retention, subject.slo.period
    if retention and retention < period:
        yield LintFinding(
            ("period",),
            f"the period {period} is longer than the retention of Prometheus, {retention}, so "
            "older events are missing from the error budget",
            "shorten the period, or lengthen the retention",
        )
