"""A fixed label that overrides a grouping label, so that all groups have the same labels."""

from collections.abc import Iterator

from generator import names
from generator.lint._subject import Finding, OfSlo
from slos.schema.problem import Severity

ID = "clashing-labels"
ALWAYS = True


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Labels that the SLI is grouped by and that are set as well."""
    slo = subject.slo
    for label in sorted({*slo.labels, *names.RESERVED} & set(slo.signal.by)):
        yield Finding(
            ("sli",),
            f"the SLI is split by {label!r}, which is also a label of the SLO",
            "its groups could not be told apart; rename the label, or split by another",
            Severity.ERROR,
        )
