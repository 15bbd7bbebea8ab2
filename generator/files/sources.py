"""Reader of spec files and of files with alert windows."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from weakref import WeakKeyDictionary

from generator.model import SpecFile, Windows
from generator.slo import burn_rate
from slos.schema.golang import Re2Pattern
from slos.schema.loader import describe_duplicate_period, parse_windows
from slos.schema.problem import Position, Problem, ProblemSeverity
from slos.schema.units import Duration, format_names

STDOUT = "-"
_STDIN = Path("-")
_STDIN_NAME = "<stdin>"
_STDIN_DATA: WeakKeyDictionary[BinaryIO, bytes] = WeakKeyDictionary()
_YAML_SUFFIXES = {".yaml", ".yml"}
_JSON_SUFFIX = ".json"
# What every spec has, in a list of objects too. Other JSON files in a folder are no specs.
_DIALECT = re.compile(rb'"(?:prometheus/v1|sloth\.slok\.dev/|openslo/)')
_MAX_NAMES = 3


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Filter of the files below folders; patterns match anywhere in the path.

    Attributes:
        include: pattern of files to read; None for all.
        exclude: pattern of files not to read; it wins over `include`.
    """

    include: Re2Pattern | None = None
    exclude: Re2Pattern | None = None

    def matches(self, path: Path) -> bool:
        """Tell whether a file is to be read."""
        text = path.as_posix()
        if self.exclude and self.exclude.matches(text):
            return False
        return not self.include or self.include.matches(text)


def read_windows(folder: Path) -> tuple[dict[Duration, Windows], list[Problem]]:
    """Read every file of alert windows below a folder."""
    windows_by_period: dict[Duration, Windows] = {}
    files = _list_files(folder, _YAML_SUFFIXES)
    problems = []
    if not files:
        hint = "use a folder with *.yaml files of kind AlertWindows"
        problems.append(Problem(Position(str(folder)), "no alert windows in this folder", hint))
    for path in files:
        try:
            data = path.read_bytes()
        except OSError as error:
            problems.append(_build_read_problem(path, error))
            continue
        parsed, parse_problems = parse_windows(data, str(path))
        problems += parse_problems
        for period, spec in parsed.items():
            windows = burn_rate.to_windows(spec)
            if windows_by_period.setdefault(period, windows) != windows:
                problems.append(describe_duplicate_period(Position(str(path)), period))
    return windows_by_period, problems


def read_sources(
    inputs: Sequence[Path], file_filter: FileFilter | None = None
) -> tuple[list[SpecFile], list[Problem]]:
    """Read spec files, and every spec file below folders, in a stable order; `-` is stdin.

    Hidden files and folders are ignored. That includes `..data` of a mounted ConfigMap, whose
    files would be found twice.
    """
    sources, problems = [], []
    for input_path in dict.fromkeys(inputs):
        lists_files = input_path != _STDIN and is_folder(input_path)
        found = [input_path]
        if lists_files:
            found, passed_over = _list_spec_files(input_path, file_filter or FileFilter())
            problems += _report_passed_over(input_path, passed_over)
        if not found:
            hint = "add *.yaml or *.json files, or use the paths of the files"
            problems.append(
                Problem(Position(str(input_path)), "no spec files in this folder", hint)
            )
        for path in found:
            name = path.relative_to(input_path) if lists_files else Path(path.name)
            try:
                sources.append(_read_source(path, PurePosixPath(name.as_posix())))
            except OSError as error:
                problems.append(_build_read_problem(path, error))
    return _remove_duplicates(sources), problems


def find_output_conflicts(
    inputs: Sequence[Path], sources: Sequence[SpecFile], out: str
) -> list[Problem]:
    """Find an output that would overwrite a spec, or that the next build would read as one."""
    target = _resolve_path(out)
    if out == STDOUT or target is None:
        return []
    position, hint = Position(out), "use another output path"
    # Resolving the path of each spec takes time; a spec is a file that is there.
    if _is_file(target) and any(_resolve_path(source.display_name) == target for source in sources):
        return [Problem(position, "output file is one of the specs", hint)]
    folders = filter(is_folder, inputs)
    if any(target.is_relative_to(folder.resolve()) for folder in folders):
        return [Problem(position, "output is in the folder of the specs", hint)]
    return []


def _resolve_path(path: str) -> Path | None:
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError):  # reading or writing it reports the error
        return None


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; a name that no file can have is none."""
    try:
        return path.is_dir()
    except OSError:  # reading or writing it reports the error
        return False


def _is_file(path: Path) -> bool:
    """Return whether a path is there and no folder."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # reading or writing it reports the error
        return False


def _read_source(path: Path, name: PurePosixPath) -> SpecFile:
    if path == _STDIN:
        return SpecFile(_STDIN_NAME, PurePosixPath("stdin.yaml"), _read_stdin())
    return SpecFile(str(path), name, path.read_bytes())


def _read_stdin() -> bytes:
    """Read standard input; a command that reads its inputs again gets the same content."""
    if not sys.stdin:
        return b""
    if sys.stdin.buffer not in _STDIN_DATA:
        _STDIN_DATA[sys.stdin.buffer] = sys.stdin.buffer.read()
    return _STDIN_DATA[sys.stdin.buffer]


def _list_spec_files(folder: Path, file_filter: FileFilter) -> tuple[list[Path], list[Path]]:
    """YAML files that match a filter and the JSON files that name a dialect; other JSON files."""
    found = [
        path
        for path in _list_files(folder, {*_YAML_SUFFIXES, _JSON_SUFFIX})
        if file_filter.matches(path)
    ]
    passed_over = [
        path for path in found if path.suffix.lower() == _JSON_SUFFIX and not _names_dialect(path)
    ]
    others = set(passed_over)
    return [path for path in found if path not in others], passed_over


def _names_dialect(path: Path) -> bool:
    """Tell whether a file has the `version` or `apiVersion` of a dialect; it need not be JSON."""
    try:
        return _DIALECT.search(path.read_bytes()) is not None
    except OSError:  # reading it again reports the error
        return True


def _report_passed_over(folder: Path, paths: Sequence[Path]) -> list[Problem]:
    if not paths:
        return []
    names = [str(path.relative_to(folder)) for path in paths]
    message = f"no specs, passed over: {format_names(names, _MAX_NAMES)}"
    return [Problem(Position(str(folder)), message, severity=ProblemSeverity.NOTE)]


def _list_files(folder: Path, suffixes: AbstractSet[str]) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(parent, name)
            for name in names
            if not name.startswith(".") and PurePosixPath(name).suffix.lower() in suffixes
        ]
    return sorted(found)


def _remove_duplicates(sources: Iterable[SpecFile]) -> list[SpecFile]:
    """Remove duplicates: a file may be given by its own path and by its folder."""
    seen: dict[Path, SpecFile] = {}
    resolved = cache(Path.resolve)  # of folders, which many files share
    for source in sources:
        path = Path(source.display_name)
        real = path.resolve() if path.is_symlink() else resolved(path.parent) / path.name
        seen.setdefault(real, source)
    return list(seen.values())


def _build_read_problem(path: Path, error: OSError) -> Problem:
    hints = {FileNotFoundError: "check the path", PermissionError: "check its permissions"}
    message = f"cannot be read: {error.strerror or error}"
    return Problem(Position(str(path)), message, hints.get(type(error), ""))
