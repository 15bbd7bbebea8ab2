"""A query that cannot be added up over time makes time the weight."""

from collections.abc import Iterator

from generator.lint.subject import Finding, OfSlo

ID = "not-summable"
ALWAYS = True


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """What the SLI says is approximated, and what would mend it."""
    if subject.slo.signal.note:
        message, _, hint = subject.slo.signal.note.partition("; ")
        yield Finding(("sli",), message, hint)
