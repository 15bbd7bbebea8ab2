"""A plug-in folder is its own registry: whatever file lies in it, takes part."""

import importlib
import pkgutil
from types import ModuleType


def modules(package: ModuleType) -> dict[str, ModuleType]:
    """Every module of a package by its name, sorted; a leading underscore keeps one out."""
    names = sorted(
        found.name
        for found in pkgutil.iter_modules(package.__path__)
        if not found.name.startswith("_")
    )
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
