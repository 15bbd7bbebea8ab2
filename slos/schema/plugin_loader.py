"""Loader of plug-ins: the modules and packages in the folder of a plug-in family.

A plug-in is a file or a package in the folder. A name with a leading underscore is no plug-in, but
code that plug-ins share. A new file is found without an entry in any list.
"""

import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

Plugin = TypeVar("Plugin")


class DuplicatePluginError(Exception):
    """Two plug-ins of one family have the same id."""


def list_module_names(package: str) -> list[str]:
    """List the names of the plug-ins of a package, sorted, and import none of them."""
    return sorted(
        found.name
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__)
        if not found.name.startswith("_")
    )


def load_modules(
    package: str, *, leave_out: Callable[[str], bool] = lambda _: False
) -> dict[str, ModuleType]:
    """Import the plug-ins of a package, sorted by name, without those that are left out."""
    return {
        name: importlib.import_module(f"{package}.{name}")
        for name in list_module_names(package)
        if not leave_out(name)
    }


def load_modules_by_id(package: str, attribute: str) -> dict[str, ModuleType]:
    """Import the plug-ins of a package, sorted by the id in one of their attributes.

    Raises:
        DuplicatePluginError: two plug-ins have the same id.
    """
    return _sort_by_id(
        package, [(getattr(module, attribute), module) for module in load_modules(package).values()]
    )


def load_classes_by_id(package: str, base: type[Plugin], attribute: str) -> dict[str, type[Plugin]]:
    """Import the plug-ins of a package, and return their classes of one base, sorted by id.

    Args:
        package: the name of the package.
        base: the base class; a class that has no id is not registered.
        attribute: the class attribute that holds the id.

    Raises:
        DuplicatePluginError: two classes have the same id.
    """
    classes = [
        value
        for module in load_modules(package).values()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and hasattr(value, attribute)
    ]
    # A plug-in may import the class of another one.
    return _sort_by_id(
        package, [(getattr(each, attribute), each) for each in dict.fromkeys(classes)]
    )


def _sort_by_id(package: str, found: list[tuple[str, Plugin]]) -> dict[str, Plugin]:
    by_id: dict[str, Plugin] = {}
    for id_, plugin in sorted(found, key=lambda pair: pair[0]):
        if id_ in by_id:
            raise DuplicatePluginError(f"two plug-ins in {package} have the id {id_!r}")
        by_id[id_] = plugin
    return by_id
