"""Checks of specs; the folder is the registry, one file each.

A check module has an `ID`, says with `ALWAYS` whether a build looks too or only a review, and has
one or more of these functions, each giving findings: `of_slo(subject)`, `of_alert(subject)`,
`of_spec(subject)`, and `live(subject, facts)` for what only a running Prometheus knows.
`docs/checks/<id>.md` explains it.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from generator.lint.subject import Facts, Finding, OfAlert, OfSlo, OfSpec

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
