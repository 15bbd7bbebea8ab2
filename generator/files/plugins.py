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

from generator.sli_plugins import SliPlugin, aside, told
from slos.schema.problem import Position, Problem

GROUP = "slo_rules.sli_plugins"
_OURS = "slo_rules_plugin_"
_ID, _FUNCTION = "SLI_PLUGIN_ID", "sli_plugin"


def read_sli_plugins(folders: tuple[Path, ...]) -> tuple[dict[str, SliPlugin], list[Problem]]:
    """Load installed plugins and those below folders; an id used twice is a problem."""
    plugins: dict[str, SliPlugin] = {}
    problems: list[Problem] = []
    for found in [*_installed(), *(each for folder in folders for each in _below(folder))]:
        if isinstance(found, Problem):
            problems.append(found)
        elif plugins.setdefault(found.id, found) is not found:
            first = plugins[found.id].file
            hint = f"the first one is {first}; change one of them"
            message = f"the plugin id {found.id!r} is taken"
            problems.append(Problem(Position(found.file), message, hint))
    return plugins, problems


def _installed() -> Iterator[SliPlugin | Problem]:
    """Load plugins of entry points: a module with both names, or a function named by its id."""
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda e: e.name):
        try:
            with aside():
                offered = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's program raises is a finding
            yield told(error, entry.value)
        else:
            if isinstance(offered, ModuleType):
                yield from _of_module(offered, entry.value)
            else:
                yield SliPlugin(entry.name, entry.value, offered)


def _below(folder: Path) -> Iterator[SliPlugin | Problem]:
    for path in sorted(folder.rglob("*.py")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        try:
            with aside(), _siblings_of(path):
                module = _loaded(path)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's program raises is a finding
            yield told(error, str(path))
        else:
            yield from _of_module(module, str(path))


def _loaded(path: Path) -> ModuleType:
    """Import a file as a module under a name that is unique to its path."""
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    name = _OURS + digest[:16]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("this is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _siblings_of(path: Path) -> Iterator[None]:
    """Let a plugin import the files next to it while it loads; forget these modules afterwards.

    Two folders may each have a `common.py`.
    """
    folder, known = str(path.parent.resolve()), set(sys.modules)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
        for name in set(sys.modules) - known:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(folder) and not name.startswith(_OURS):
                del sys.modules[name]


def _of_module(module: ModuleType, file: str) -> Iterator[SliPlugin | Problem]:
    """Plugin of a module; none without an id, a problem for an id without the function."""
    id_, write = getattr(module, _ID, None), getattr(module, _FUNCTION, None)
    if id_ is None:
        return
    if not isinstance(id_, str) or not callable(write):
        hint = f"write {_ID} = '...' and def {_FUNCTION}(meta, labels, options): ..."
        yield Problem(Position(file), "this is half a plugin", hint)
    else:
        yield SliPlugin(id_, file, write)
