"""Loader of SLI plugins from Python files in folders and from entry points of packages."""

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from generator.sli_plugins import SliPlugin, describe_plugin_error, redirect_output
from slos.schema.problem import Position, Problem

ENTRY_POINT_GROUP = "slo_rules.sli_plugins"
_MODULE_PREFIX = "slo_rules_plugin_"
_ID_ATTRIBUTE, _FUNCTION_ATTRIBUTE = "SLI_PLUGIN_ID", "sli_plugin"


def read_sli_plugins(folders: tuple[Path, ...]) -> tuple[dict[str, SliPlugin], list[Problem]]:
    """Load installed plugins and those below folders; an id used twice is a problem."""
    plugins: dict[str, SliPlugin] = {}
    problems: list[Problem] = []
    for found in [
        *_load_installed_plugins(),
        *(each for folder in folders for each in _load_folder_plugins(folder)),
    ]:
        if isinstance(found, Problem):
            problems.append(found)
        elif plugins.setdefault(found.id, found) is not found:
            first = plugins[found.id].file
            hint = f"first defined in {first}; change one of them"
            message = f"duplicate plugin id {found.id!r}"
            problems.append(Problem(Position(found.file), message, hint))
    return plugins, problems


def _load_installed_plugins() -> Iterator[SliPlugin | Problem]:
    """Load plugins of entry points: a module with both names, or a function named by its id."""
    for entry in sorted(
        importlib.metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda e: e.name
    ):
        try:
            with redirect_output():
                loaded = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's program raises is a finding
            yield describe_plugin_error(error, entry.value)
        else:
            if isinstance(loaded, ModuleType):
                yield from _extract_plugins(loaded, entry.value)
            else:
                yield SliPlugin(entry.name, entry.value, loaded)


def _load_folder_plugins(folder: Path) -> Iterator[SliPlugin | Problem]:
    for path in sorted(folder.rglob("*.py")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        try:
            with redirect_output(), _import_path(path):
                module = _import_file(path)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's program raises is a finding
            yield describe_plugin_error(error, str(path))
        else:
            yield from _extract_plugins(module, str(path))


def _import_file(path: Path) -> ModuleType:
    """Import a file as a module under a name that is unique to its path."""
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    name = _MODULE_PREFIX + digest[:16]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _import_path(path: Path) -> Iterator[None]:
    """Let a plugin import the files next to it while it loads; forget these modules afterwards.

    Two folders may each have a `common.py`. No bytecode is written: Python takes that of an edited
    file of the same size and second for the present one.
    """
    folder, known_modules = str(path.parent.resolve()), set(sys.modules)
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_bytecode
        if folder in sys.path:
            sys.path.remove(folder)
        for name in set(sys.modules) - known_modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(folder) and not name.startswith(_MODULE_PREFIX):
                del sys.modules[name]


def _extract_plugins(module: ModuleType, file: str) -> Iterator[SliPlugin | Problem]:
    """Plugin of a module; none without an id, a problem for an id without the function."""
    id_, write = getattr(module, _ID_ATTRIBUTE, None), getattr(module, _FUNCTION_ATTRIBUTE, None)
    if id_ is None:
        return
    if not isinstance(id_, str) or not callable(write):
        hint = (
            f"define {_ID_ATTRIBUTE} = '...' "
            f"and def {_FUNCTION_ATTRIBUTE}(meta, labels, options): ..."
        )
        yield Problem(Position(file), "incomplete plugin", hint)
    else:
        yield SliPlugin(id_, file, write)
