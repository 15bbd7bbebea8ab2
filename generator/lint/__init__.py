"""Registry of the checks of specs: one file for each.

A check module has an `ID` and `ALWAYS`, which tells whether a build runs it too or only a review.
It has one or more of these functions, each of which yields findings: `check_slo(subject)`,
`check_alert(subject)`, `check_query(subject)` for standalone alerts and recordings,
`check_spec(subject)`, and with facts of a running Prometheus `check_live_slo(subject, facts)` and
`check_live_query(subject, facts)`. `check_run(subject)` yields each finding with the index of its
spec. `docs/checks/<id>.md` documents the check.

Optional attributes: `ONE_PER_FILE` merges the findings of a file into one. `ABOUT_RUNBOOKS` omits
findings where the build writes runbook pages. `DEPENDS_ON_OPTIONS` tells that findings depend on
the options of the run, so that a silence without effect is kept.
"""

from collections.abc import Iterator
from functools import cache
from types import ModuleType

from generator.lint._subject import (
    AlertSubject,
    LintFinding,
    QuerySubject,
    RunSubject,
    SloSubject,
    SpecSubject,
)
from generator.model import MetricFacts
from slos.schema.plugin_loader import load_modules_by_id


@cache
def load_checks() -> dict[str, ModuleType]:
    """Checks in this folder by id."""
    return load_modules_by_id(__name__, "ID")


def run_slo_checks(subject: SloSubject, *, review: bool) -> Iterator[tuple[str, LintFinding]]:
    """Run the checks of an SLO; yield each finding with the id of its check."""
    for name, module in _select_checks("check_slo", review=review):
        yield from ((name, finding) for finding in module.check_slo(subject))


def run_alert_checks(subject: AlertSubject, *, review: bool) -> Iterator[tuple[str, LintFinding]]:
    """Run the checks of a standalone alert; yield each finding with the id of its check."""
    for name, module in _select_checks("check_alert", review=review):
        yield from ((name, finding) for finding in module.check_alert(subject))


def run_spec_checks(subject: SpecSubject, *, review: bool) -> Iterator[tuple[str, LintFinding]]:
    """Run the checks of a whole spec; yield each finding with the id of its check."""
    for name, module in _select_checks("check_spec", review=review):
        yield from ((name, finding) for finding in module.check_spec(subject))


def run_query_checks(subject: QuerySubject, *, review: bool) -> Iterator[tuple[str, LintFinding]]:
    """Run the checks of a standalone query; yield each finding with the id of its check."""
    for name, module in _select_checks("check_query", review=review):
        yield from ((name, finding) for finding in module.check_query(subject))


def run_cross_spec_checks(
    subject: RunSubject, *, review: bool
) -> Iterator[tuple[int, str, LintFinding]]:
    """Run the checks across specs; yield the index of the spec, the check's id and the finding."""
    for name, module in _select_checks("check_run", review=review):
        yield from ((spec, name, finding) for spec, finding in module.check_run(subject))


def run_live_query_checks(
    subject: QuerySubject, facts: MetricFacts
) -> Iterator[tuple[str, LintFinding]]:
    """Run the live checks of a standalone query; yield each finding with the id of its check."""
    for name, module in _select_checks("check_live_query", review=True):
        yield from ((name, finding) for finding in module.check_live_query(subject, facts))


def run_live_slo_checks(
    subject: SloSubject, facts: MetricFacts
) -> Iterator[tuple[str, LintFinding]]:
    """Run the live checks of an SLO; yield each finding with the id of its check."""
    for name, module in _select_checks("check_live_slo", review=True):
        yield from ((name, finding) for finding in module.check_live_slo(subject, facts))


@cache
def _select_checks(function: str, *, review: bool) -> list[tuple[str, ModuleType]]:
    return [
        (name, module)
        for name, module in load_checks().items()
        if hasattr(module, function) and (review or module.ALWAYS)
    ]
