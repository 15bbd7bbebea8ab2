"""Transaction over many files: all of them are replaced, or none."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from slos.schema.problem import Problem

STAGING_FOLDER = ".slo-rules.tmp"
"""Folder of new files and of backups. A build that was killed leaves it behind."""
_LOCK_TIMEOUT = 30.0
_LOCK_INTERVAL = 0.05


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


@contextmanager
def open_transaction(folder: Path) -> Iterator["Transaction"]:
    """Open a transaction, alone in its folder; undo it on an error.

    Raises:
        CannotWriteError: a file cannot be written, or another build takes long.
    """
    created_folders: list[Path] = []
    try:
        with _lock_folder(folder, created_folders):
            transaction = Transaction(folder, created_folders)
            transaction.remove_staging_folder()
            try:
                yield transaction
            except BaseException:
                transaction.roll_back()
                raise
            finally:
                with suppress(OSError):  # the next build removes it
                    transaction.remove_staging_folder()
    except BaseException as error:
        _remove_folders(created_folders)
        if isinstance(error, OSError):
            raise to_write_error("write", error) from error
        raise


@dataclass(slots=True)
class Transaction:
    """Transaction that stages new files in a folder of its own, then replaces the old ones.

    Attributes:
        folder: folder of the files.
        created_folders: folders that were made, outermost first.
    """

    folder: Path
    created_folders: list[Path]
    _undo_steps: list[Callable[[], object]] = field(default_factory=list)
    _file_count: int = 0

    def stage(self, name: str, text: str) -> Callable[[], None]:
        """Write a text to a temporary file; return the function that puts it in its place.

        The mode and the owner of an existing file stay.
        """
        target = self.folder / name
        with _name_file(target):
            staged = self._create_staged_path()
            _write_file(staged, text.encode())
            if target.is_file() and not target.is_symlink():
                _copy_mode_and_owner(target, staged)
        return partial(self._replace, target, staged)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files, and folders that are empty afterwards; a file may be gone already."""
        for path in (self.folder / name for name in names):
            with _name_file(path):
                if path.is_symlink() or path.is_file():
                    backup = self._create_staged_path()
                    path.rename(backup)
                    self._undo_steps.append(partial(_restore, backup, path))
        for name in names:
            with suppress(OSError):  # an empty folder may stay
                _remove_empty_folders((self.folder / name).parent, self.folder)

    def roll_back(self) -> None:
        """Undo all changes."""
        for undo in reversed(self._undo_steps):
            with suppress(OSError):
                undo()

    def remove_staging_folder(self) -> None:
        """Remove the staging folder, of this build or of one that was killed."""
        staging = self.folder / STAGING_FOLDER
        if staging.is_symlink() or staging.is_file():
            staging.unlink()
        elif staging.exists():
            shutil.rmtree(staging)

    def _replace(self, target: Path, staged: Path) -> None:
        with _name_file(target):
            for path in _list_missing_folders(target.parent):
                path.mkdir()
                self.created_folders.append(path)
            if target.is_symlink() or target.exists():
                backup = self._create_staged_path()
                _back_up(target, backup)
                self._undo_steps.append(partial(_restore, backup, target))
            else:
                self._undo_steps.append(partial(target.unlink, missing_ok=True))
            staged.replace(target)

    def _create_staged_path(self) -> Path:
        staging = self.folder / STAGING_FOLDER
        if not self._file_count:
            staging.mkdir(exist_ok=True)
        self._file_count += 1
        return staging / str(self._file_count)


def check_folder(folder: Path) -> None:
    """Check that a path is a folder or free.

    Raises:
        CannotWriteError: it is a file, or a loop of symbolic links.
        OSError: this cannot be known.
    """
    resolved = Path(os.path.realpath(folder))
    # Unlike Path.is_symlink, islink is false for a name that is too long: writing reports it.
    if loop := next((each for each in (resolved, *resolved.parents) if os.path.islink(each)), None):  # noqa: PTH114
        message = f"{loop} is a symbolic link that leads back to itself; remove it, or use another"
        raise CannotWriteError(f"{message} folder")
    if folder.exists() and not folder.is_dir():
        raise CannotWriteError(f"{folder} is a file; use the path of a folder, or remove the file")


def find_link(folder: Path, name: str) -> Path | None:
    """Find a folder between a folder and a file in it that is a symbolic link."""
    if "/" not in name:
        return None
    parents = list((folder / name).relative_to(folder).parents)[:-1]
    return next((folder / parent for parent in parents if (folder / parent).is_symlink()), None)


def check_for_links(folder: Path, name: str) -> None:
    """Check that no folder between a folder and a file in it is a symbolic link.

    Raises:
        CannotWriteError: one is.
    """
    if link := find_link(folder, name):
        raise CannotWriteError(
            f"{link} is a symbolic link, which is not followed; use a folder in its place"
        )


@contextmanager
def _lock_folder(folder: Path, created_folders: list[Path]) -> Iterator[None]:
    """Lock a folder against other builds; it is made if it does not exist.

    The lock is the kernel's, so a build that is killed leaves none.
    """
    check_folder(folder)
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        for path in _list_missing_folders(folder):
            path.mkdir(exist_ok=True)
            created_folders.append(path)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _try_lock(descriptor) and _is_at_path(descriptor, folder):
                yield
                return
        finally:
            os.close(descriptor)
        if time.monotonic() >= deadline:
            raise CannotWriteError(
                f"another build has been writing to {folder} for {_LOCK_TIMEOUT:g} s; "
                "wait for its end, or end it"
            )
        time.sleep(_LOCK_INTERVAL)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems cannot lock folders
        return True
    return True


def _is_at_path(descriptor: int, folder: Path) -> bool:
    """Return whether an open folder still exists; another build may have undone its creation."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _name_file(path: Path) -> Iterator[None]:
    """Name the file in an error by its own path, not by that of the temporary file."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _write_file(path: Path, data: bytes) -> None:
    """Write a new file; without a file object, which makes five more calls of the system."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)


def _copy_mode_and_owner(source: Path, target: Path) -> None:
    wanted, present = source.stat(), target.stat()
    if (wanted.st_uid, wanted.st_gid) != (present.st_uid, present.st_gid):
        try:
            os.chown(target, wanted.st_uid, wanted.st_gid)
        except PermissionError as error:
            message = f"cannot keep the owner of {source}; build as its owner, or remove the file"
            raise CannotWriteError(message) from error
    if wanted.st_mode != present.st_mode:
        target.chmod(wanted.st_mode & 0o7777)


def _back_up(path: Path, backup: Path) -> None:
    """Back up a file under a second name, or as a copy where there are no hard links."""
    try:
        backup.hardlink_to(path)
    except OSError:
        shutil.copy2(path, backup, follow_symlinks=False)


def _restore(backup: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    backup.replace(path)


def _list_missing_folders(folder: Path) -> list[Path]:
    """Folders to create, outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return missing[::-1]


def _remove_folders(folders: Sequence[Path]) -> None:
    for path in reversed(folders):
        with suppress(OSError):
            path.rmdir()


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root and (not folder.exists() or not any(folder.iterdir())):
        with suppress(FileNotFoundError):
            folder.rmdir()
        folder = folder.parent
