"""Reader of spec files and of files with alert windows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from generator.model import Source, Windows
from generator.slo import burn_rate
from slos.schema.golang import Pattern
from slos.schema.loader import already_known, parse_windows
from slos.schema.problem import Position, Problem
from slos.schema.units import Duration

STDOUT = "-"
_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class Selection:
    """Filter of the files below folders; patterns match anywhere in the path.

    Attributes:
        include: pattern of files to read; None for all.
        exclude: pattern of files not to read; it wins over `include`.
    """

    include: Pattern | None = None
    exclude: Pattern | None = None

    def takes(self, path: Path) -> bool:
        """Tell whether a file is to be read."""
        shown = path.as_posix()
        if self.exclude and self.exclude.is_in(shown):
            return False
        return not self.include or self.include.is_in(shown)


def read_windows(folder: Path) -> tuple[dict[Duration, Windows], list[Problem]]:
    """Read every file of alert windows below a folder."""
    found: dict[Duration, Windows] = {}
    files = _below(folder)
    problems = []
    if not files:
        hint = "name a folder with *.yaml files of kind AlertWindows"
        problems.append(Problem(Position(str(folder)), "no alert windows in this folder", hint))
    for path in files:
        try:
            data = path.read_bytes()
        except OSError as error:
            problems.append(_unreadable(path, error))
            continue
        read, wrong = parse_windows(data, str(path))
        problems += wrong
        for period, spec in read.items():
            windows = burn_rate.own_windows(spec)
            if found.setdefault(period, windows) != windows:
                problems.append(already_known(Position(str(path)), period))
    return found, problems


def read_sources(
    inputs: Sequence[Path], selection: Selection | None = None
) -> tuple[list[Source], list[Problem]]:
    """Read spec files, and every spec file below folders, in a stable order.

    Hidden files and folders are ignored. That includes `..data` of a mounted ConfigMap, whose
    files would be found twice.
    """
    takes = (selection or Selection()).takes
    sources, problems = [], []
    for given in inputs:
        is_folder = _is_folder(given)
        found = list(filter(takes, _below(given))) if is_folder else [given]
        if not found:
            hint = "put *.yaml files there, or name the files"
            problems.append(Problem(Position(str(given)), "no spec files in this folder", hint))
        for path in found:
            name = path.relative_to(given) if is_folder else Path(path.name)
            try:
                data = path.read_bytes()
            except OSError as error:
                problems.append(_unreadable(path, error))
            else:
                sources.append(Source(str(path), PurePosixPath(name.as_posix()), data))
    return _each_once(sources), problems


def in_each_others_way(
    inputs: Sequence[Path], sources: Sequence[Source], out: str
) -> list[Problem]:
    """Find an output that would overwrite a spec, or that the next build would read as one."""
    target = _resolved(out)
    if out == STDOUT or target is None:
        return []
    at, hint = Position(out), "choose another output"
    # Resolving the path of each spec takes time; no spec is a folder.
    if not _is_folder(target) and any(_resolved(source.shown) == target for source in sources):
        return [Problem(at, "the output is one of the specs", hint)]
    folders = filter(_is_folder, inputs)
    if any(target.is_relative_to(folder.resolve()) for folder in folders):
        return [Problem(at, "the output lies in the folder the specs are read from", hint)]
    return []


def _resolved(path: str) -> Path | None:
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError):  # reading or writing it reports the error
        return None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name no file can have: reading it reports the error
        return False


def _below(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.is_dir()
    ]


def _each_once(sources: Iterable[Source]) -> list[Source]:
    """Remove duplicates: a file may be given by its own path and by its folder."""
    seen: dict[Path, Source] = {}
    resolved = cache(Path.resolve)  # of folders, which many files share
    for source in sources:
        path = Path(source.shown)
        real = path.resolve() if path.is_symlink() else resolved(path.parent) / path.name
        seen.setdefault(real, source)
    return list(seen.values())


def _unreadable(path: Path, error: OSError) -> Problem:
    hints = {FileNotFoundError: "check the path", PermissionError: "check its permissions"}
    message = f"cannot be read: {error.strerror or error}"
    return Problem(Position(str(path)), message, hints.get(type(error), ""))
