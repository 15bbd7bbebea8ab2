"""Alerts that inhibit others which are notified in no other way."""

from collections.abc import Iterator

from generator.alerting.graph import find_inhibition_problems
from generator.lint._subject import LintFinding, RunSubject
from slos.schema.problem import ProblemSeverity

ID = "inhibits"
ALWAYS = True


def check_run(subject: RunSubject) -> Iterator[tuple[int, LintFinding]]:
    """Inhibitions of alerts, also of alerts in other files."""
    for problem in find_inhibition_problems(subject.specs):
        if problem.cause.position:
            spec, path = problem.cause.position
            severity = ProblemSeverity.ERROR if problem.fatal else ProblemSeverity.WARNING
            yield spec, LintFinding(path, problem.message, problem.hint, severity)
