"""Registry of the checks of specs: one file for each.

A check module has an `ID` and `ALWAYS`, which tells whether a build runs it too or only a review.
It has one or more of these functions, each of which yields findings: `check_slo(subject)`,
`check_alert(subject)`, `check_query(subject)` for standalone alerts and recordings,
`check_spec(subject)`, and with facts of a running Prometheus `check_live_slo(subject, facts)` and
`check_live_query(subject, facts)`. `check_run(subject)` yields each finding with the index of its
spec. `docs/checks/<id>.md` documents the check.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from generator.lint._subject import Finding, OfAlert, OfQuery, OfRun, OfSlo, OfSpec
from generator.model import Facts


@cache
def checks() -> dict[str, ModuleType]:
    """Checks in this folder by id."""
    found = [
        importlib.import_module(module.name)
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
        if not module.name.rpartition(".")[2].startswith("_")
    ]
    return {module.ID: module for module in sorted(found, key=lambda module: str(module.ID))}


def of_slo(subject: OfSlo, *, review: bool) -> Iterator[tuple[str, Finding]]:
    """Run the checks of an SLO; yield each finding with the id of its check."""
    for name, module in _with("of_slo", review=review):
        yield from ((name, finding) for finding in module.of_slo(subject))


def of_alert(subject: OfAlert, *, review: bool) -> Iterator[tuple[str, Finding]]:
    """Run the checks of a standalone alert; yield each finding with the id of its check."""
    for name, module in _with("of_alert", review=review):
        yield from ((name, finding) for finding in module.of_alert(subject))


def of_spec(subject: OfSpec, *, review: bool) -> Iterator[tuple[str, Finding]]:
    """Run the checks of a whole spec; yield each finding with the id of its check."""
    for name, module in _with("of_spec", review=review):
        yield from ((name, finding) for finding in module.of_spec(subject))


def of_query(subject: OfQuery, *, review: bool) -> Iterator[tuple[str, Finding]]:
    """Run the checks of a standalone query; yield each finding with the id of its check."""
    for name, module in _with("of_query", review=review):
        yield from ((name, finding) for finding in module.of_query(subject))


def of_run(subject: OfRun, *, review: bool) -> Iterator[tuple[int, str, Finding]]:
    """Run the checks across specs; yield the index of the spec, the check's id and the finding."""
    for name, module in _with("of_run", review=review):
        yield from ((spec, name, finding) for spec, finding in module.of_run(subject))


def live_query(subject: OfQuery, facts: Facts) -> Iterator[tuple[str, Finding]]:
    """Run the live checks of a standalone query; yield each finding with the id of its check."""
    for name, module in _with("live_query", review=True):
        yield from ((name, finding) for finding in module.live_query(subject, facts))


def live(subject: OfSlo, facts: Facts) -> Iterator[tuple[str, Finding]]:
    """Run the live checks of an SLO; yield each finding with the id of its check."""
    for name, module in _with("live", review=True):
        yield from ((name, finding) for finding in module.live(subject, facts))


@cache
def _with(function: str, *, review: bool) -> list[tuple[str, ModuleType]]:
    return [
        (name, module)
        for name, module in checks().items()
        if hasattr(module, function) and (review or module.ALWAYS)
    ]
