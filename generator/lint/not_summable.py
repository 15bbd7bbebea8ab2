"""A query that cannot be summed over time, so that time is the weight."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject

ID = "not-summable"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Approximations of the SLI, each with how to avoid it."""
    if subject.slo.signal.note:
        message, _, hint = subject.slo.signal.note.partition("; ")
        yield LintFinding(("sli",), message, hint)
