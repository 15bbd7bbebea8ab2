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
    """Output that cannot be written; the text gives the reason, and no file was changed.

    Attributes:
        problems: problems of single lines, if any.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def to_write_error(verb: str, error: OSError) -> CannotWriteError:
    """Convert an error of the operating system."""
    return CannotWriteError(
        f"cannot {verb} {error.filename2 or error.filename}: {error.strerror or error}"
    )


@dataclass(slots=True)
class Transaction:
    """Transaction that stages new files next to the old ones, then replaces, and undoes on error.

    Attributes:
        folder: folder of the files.
        created_folders: folders made for staged files.
        staged_files: temporary file of each target.
        previous_contents: content of replaced files; None for a file that did not exist.
    """

    folder: Path
    created_folders: list[Path] = field(default_factory=list)
    staged_files: dict[Path, Path] = field(default_factory=dict)
    previous_contents: dict[Path, bytes | None] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error:
            self._roll_back()
        if isinstance(error, OSError):
            raise to_write_error("write", error) from error

    def stage(self, name: str, text: str) -> None:
        """Write a new text to a temporary file next to its target."""
        target = self.folder / name
        for path in _list_missing_folders(target.parent):
            path.mkdir()
            self.created_folders.append(path)
        self.staged_files[target] = _write_temporary_file(target, text)

    def commit(self, removed: Sequence[str]) -> None:
        """Replace all targets by their staged files, and remove files."""
        for target, temporary in self.staged_files.items():
            self.previous_contents[target] = target.read_bytes() if target.exists() else None
            temporary.replace(target)
        for name in removed:
            path = self.folder / name
            self.previous_contents[path] = path.read_bytes()
            path.unlink()
        for name in removed:
            with suppress(OSError):  # an empty folder may stay
                _remove_empty_folders((self.folder / name).parent, self.folder)

    def _roll_back(self) -> None:
        with suppress(OSError):
            for target, content in self.previous_contents.items():
                if content is None:
                    target.unlink(missing_ok=True)
                else:
                    target.write_bytes(content)
        for temporary in self.staged_files.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        for path in reversed(self.created_folders):
            with suppress(OSError):
                path.rmdir()


def _write_temporary_file(target: Path, text: str) -> Path:
    temporary = None
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(_compute_file_mode())
    except OSError as error:
        if temporary:
            temporary.unlink(missing_ok=True)
        # The user knows the target, not the temporary file.
        error.filename = str(target)
        raise
    return temporary


def _compute_file_mode() -> int:
    """Mode that `open` would give; mkstemp makes files private."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _list_missing_folders(folder: Path) -> list[Path]:
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
