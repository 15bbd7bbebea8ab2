"""Plug-ins: whatever file lies in a folder of them takes part, and what others have installed."""

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType


class PluginError(Exception):
    """A plug-in is not what it should be; the text says which one, and why."""


def modules(package: ModuleType) -> dict[str, ModuleType]:
    """Every module of a package by its name, sorted; a leading underscore keeps one out."""
    names = sorted(
        found.name
        for found in pkgutil.iter_modules(package.__path__)
        if not found.name.startswith("_")
    )
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}


def installed(
    group: str, *, flaw: Callable[[object], str | None]
) -> tuple[dict[str, object], dict[str, str]]:
    """What other distributions offer by an entry point group, and why some of it is of no use.

    Args:
        group: the name of the group.
        flaw: what is wrong with a plug-in that was imported, if anything.
    """
    good: dict[str, object] = {}
    broken: dict[str, str] = {}
    for entry in entry_points(group=group):
        found, why = _imported(entry)
        why = why or flaw(found)
        if why:
            broken[entry.name] = why
        else:
            good[entry.name] = found
    return good, broken


def told(error: BaseException) -> str:
    """An error of somebody else's code, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _imported(entry: EntryPoint) -> tuple[object, str | None]:
    try:
        return entry.load(), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - of others; it must not end ours
        return None, f"{entry.value} cannot be imported: {told(error)}"
