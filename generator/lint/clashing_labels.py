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
            f"{label!r} is a grouping label of the SLI and a label of the SLO",
            "rename the label of the SLO, or group by another label",
            ProblemSeverity.ERROR,
        )
