"""Transaction over many files: all of them are replaced, or none."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from slos.schema.problem import Problem


class CannotWriteError(Exception):
    """Output cannot be written; the text gives the reason, and nothing was written.

    Attributes:
        problems: problems of single lines, if any.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def cannot(verb: str, error: OSError) -> CannotWriteError:
    """Convert an error of the operating system."""
    return CannotWriteError(f"cannot {verb} {error.filename}: {error.strerror or error}")


@dataclass(slots=True)
class Swap:
    """Transaction that stages new files next to the old ones, then replaces, and undoes on error.

    Attributes:
        folder: folder of the files.
        created_folders: folders made for staged files.
        staged_files: temporary file of each target.
        previous_contents: content of replaced files; None for a file that did not exist.
    """

    folder: Path
    made: list[Path] = field(default_factory=list)
    staged: dict[Path, Path] = field(default_factory=dict)
    before: dict[Path, bytes | None] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error:
            self._undo()
        if isinstance(error, OSError):
            raise cannot("write", error) from error

    def stage(self, name: str, text: str) -> None:
        """Write a new text to a temporary file next to its target."""
        target = self.folder / name
        for path in _missing_folders(target.parent):
            path.mkdir()
            self.made.append(path)
        self.staged[target] = _stage(target, text)

    def commit(self, removed: Sequence[str]) -> None:
        """Replace all targets by their staged files, and remove files."""
        for target, temporary in self.staged.items():
            self.before[target] = target.read_bytes() if target.exists() else None
            temporary.replace(target)
        for name in removed:
            path = self.folder / name
            self.before[path] = path.read_bytes()
            path.unlink()
        for name in removed:
            with suppress(OSError):  # an empty folder may stay
                _remove_empty_folders((self.folder / name).parent, self.folder)

    def _undo(self) -> None:
        with suppress(OSError):
            for target, content in self.before.items():
                if content is None:
                    target.unlink(missing_ok=True)
                else:
                    target.write_bytes(content)
        for temporary in self.staged.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        for path in reversed(self.made):
            with suppress(OSError):
                path.rmdir()


def _stage(target: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    staged = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        staged.chmod(_mode_of_new_files())
    except OSError:
        staged.unlink(missing_ok=True)
        raise
    return staged


def _mode_of_new_files() -> int:
    """Mode that `open` would give; mkstemp makes files private."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _missing_folders(folder: Path) -> list[Path]:
    """Folders to create, outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return missing[::-1]


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
