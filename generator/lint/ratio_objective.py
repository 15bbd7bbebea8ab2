"""An objective that is written as a ratio."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject
from slos.schema.problem import ProblemSeverity
from slos.schema.units import format_decimal

ID = "ratio-objective"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Objectives of 1 % or less."""
    objective = subject.slo.objective
    if objective <= 1:
        meant = "99.9" if objective == 1 or 2 * objective < 1 else format_decimal(100 * objective)
        yield LintFinding(
            ("objective",),
            f"objective {format_decimal(objective)} % allows nearly every event to fail; "
            f"did you mean {meant}?",
            "the objective is the percentage of good events; silence this check if it is meant",
            ProblemSeverity.ERROR,
            may_be_meant=True,
        )
