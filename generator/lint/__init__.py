"""Checks of specs; the folder is the registry, one file each.

A check module has an `ID`, says with `ALWAYS` whether a build looks too or only a review, and has
one or more of these functions, each giving findings: `of_slo(subject)`, `of_alert(subject)`,
`of_query(subject)` for plain alerts and recordings, `of_spec(subject)`, and for what only a running
Prometheus knows `live(subject, facts)` of an SLO and `live_query(subject, facts)`.
`of_run(subject)` gives each finding with the number of the spec it is about.
`docs/checks/<id>.md` explains it.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from generator.lint.subject import Facts, Finding, OfAlert, OfQuery, OfRun, OfSlo, OfSpec

_NOT_CHECKS = {"subject"}


@cache
def checks() -> dict[str, ModuleType]:
    """Every check in this folder by its id."""
    found = [
        importlib.import_module(module.name)
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
        if module.name.rpartition(".")[2] not in _NOT_CHECKS
    ]
    return {module.ID: module for module in sorted(found, key=lambda module: str(module.ID))}


def of_slo(subject: OfSlo, *, review: bool) -> Iterator[tuple[str, Finding]]:
    """Findings about an SLO, each with the id of its check."""
    for name, module in _with("of_slo", review=review):
        yield from ((name, finding) for finding in module.of_slo(subject))


def of_alert(subject: OfAlert, *, review: bool) -> Iterator[tuple[str, Finding]]:
    """Findings about a plain alert, each with the id of its check."""
    for name, module in _with("of_alert", review=review):
        yield from ((name, finding) for finding in module.of_alert(subject))


def of_spec(subject: OfSpec, *, review: bool) -> Iterator[tuple[str, Finding]]:
    """Findings about a whole spec, each with the id of its check."""
    for name, module in _with("of_spec", review=review):
        yield from ((name, finding) for finding in module.of_spec(subject))


def of_query(subject: OfQuery, *, review: bool) -> Iterator[tuple[str, Finding]]:
    """Findings about the query of an alert or recording, each with the id of its check."""
    for name, module in _with("of_query", review=review):
        yield from ((name, finding) for finding in module.of_query(subject))


def of_run(subject: OfRun, *, review: bool) -> Iterator[tuple[int, str, Finding]]:
    """Findings about specs beside each other: the spec, the check, and what it found."""
    for name, module in _with("of_run", review=review):
        yield from ((spec, name, finding) for spec, finding in module.of_run(subject))


def live_query(subject: OfQuery, facts: Facts) -> Iterator[tuple[str, Finding]]:
    """Like `live`, of the query of an alert or recording."""
    for name, module in _with("live_query", review=True):
        yield from ((name, finding) for finding in module.live_query(subject, facts))


def live(subject: OfSlo, facts: Facts) -> Iterator[tuple[str, Finding]]:
    """Findings that need a running Prometheus, each with the id of its check."""
    for name, module in _with("live", review=True):
        yield from ((name, finding) for finding in module.live(subject, facts))


@cache
def _with(function: str, *, review: bool) -> list[tuple[str, ModuleType]]:
    return [
        (name, module)
        for name, module in checks().items()
        if hasattr(module, function) and (review or module.ALWAYS)
    ]
