"""Finding and reading spec files."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from generator.pipeline import Source
from slos.schema.problem import Position, Problem

_SUFFIXES = {".yaml", ".yml"}


def read_sources(inputs: Sequence[Path]) -> tuple[list[Source], list[Problem]]:
    """Read spec files, and every spec file below folders, in a stable order.

    Hidden files and folders are passed over, Kubernetes' `..data` of a mounted ConfigMap
    among them, so that nothing is found twice.
    """
    sources, problems = [], []
    for given in inputs:
        found = [given] if not given.is_dir() else _below(given)
        if not found:
            hint = "put *.yaml files there, or name the files"
            problems.append(Problem(Position(str(given)), "no spec files in this folder", hint))
        for path in found:
            name = path.relative_to(given) if given.is_dir() else Path(path.name)
            try:
                data = path.read_bytes()
            except OSError as error:
                problems.append(Problem(Position(str(path)), _cannot_read(error), _hint(error)))
            else:
                sources.append(Source(str(path), PurePosixPath(name.as_posix()), data))
    return _each_once(sources), problems


def _below(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    ]


def _each_once(sources: Iterable[Source]) -> list[Source]:
    """The same file may be named twice, itself and by its folder."""
    seen: dict[Path, Source] = {}
    for source in sources:
        seen.setdefault(Path(source.shown).resolve(), source)
    return list(seen.values())


def _cannot_read(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"


def _hint(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "check the path"
    if isinstance(error, PermissionError):
        return "check its permissions"
    return ""
