"""Plug-ins of other distributions, found by their entry points."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points


class PluginError(Exception):
    """Plug-in that cannot be used; the text names it and the reason."""


def load_entry_points(
    group: str, *, find_flaw: Callable[[object], str | None]
) -> tuple[dict[str, object], dict[str, str]]:
    """Load the plug-ins of an entry point group; return the good ones, and why others are broken.

    Args:
        group: name of the group.
        find_flaw: returns the defect of an imported plug-in, if it has one.
    """
    good: dict[str, object] = {}
    broken: dict[str, str] = {}
    for entry in entry_points(group=group):
        found, why = _import_entry_point(entry)
        why = why or find_flaw(found)
        if why:
            broken[entry.name] = why
        else:
            good[entry.name] = found
    return good, broken


def describe_error(error: BaseException) -> str:
    """Describe an error of foreign code on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _import_entry_point(entry: EntryPoint) -> tuple[object, str | None]:
    try:
        return entry.load(), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code must not end this program
        return None, f"{entry.value} cannot be imported: {describe_error(error)}"
