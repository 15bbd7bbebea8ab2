"""A fixed label that overrides a grouping label, so that all groups have the same labels."""

from collections.abc import Iterator

from generator import names
from generator.lint._subject import LintFinding, SloSubject
from slos.schema.problem import ProblemSeverity

ID = "clashing-labels"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Labels that the SLI is grouped by and that are set as well."""
    slo = subject.slo
    for label in sorted({*slo.labels, *names.RESERVED} & set(slo.signal.group_by)):
        yield LintFinding(
            ("sli",),
            f"the SLI is split by {label!r}, which is also a label of the SLO",
            "its groups could not be told apart; rename the label, or split by another",
            ProblemSeverity.ERROR,
        )
