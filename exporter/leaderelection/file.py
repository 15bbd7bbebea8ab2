"""File lock (`flock`) on a shared volume, and the lock of a prober that runs alone."""

import contextlib
import fcntl
import os
from pathlib import Path

from exporter.leaderelection import LockError


class FileLock:
    """Lock held by the process that has the file locked.

    The file is never deleted, or two processes could lock two files.
    """

    expires_at: float | None = None
    """Never known: the kernel only tells whether the file is free now."""

    def __init__(self, path: Path, *, identity: str) -> None:
        self._path = path
        self._identity = identity
        self._file: int | None = None
        self._locked = False

    def check_path(self) -> None:
        """Check that the file can be opened.

        Raises:
            LockError: it cannot; a retry will not help.
        """
        try:
            self._open_file()
        except OSError as error:
            raise LockError(f"lease {self._path}: {error.strerror}") from error

    async def acquire_or_renew(self) -> bool:
        """Lock the file, or check that the lock is still valid.

        Raises:
            LockError: the file cannot be opened or read.
        """
        try:
            return self._try_hold()
        except OSError as error:
            raise LockError(f"{self._path}: {error.strerror}") from error

    async def release(self) -> None:
        """Unlock the file."""
        self._close_file()

    async def close(self) -> None:
        """Close the file, which unlocks it."""
        self._close_file()

    def _open_file(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._file

    def _try_hold(self) -> bool:
        file = self._open_file()
        if not (self._locked or self._try_lock(file)):
            return False
        if self._is_replaced(file):
            # The file was deleted. The holder notices that too, before the next attempt.
            self._close_file()
            return False
        if not self._locked:
            self._locked = True
            self._write_identity(file)
        return True

    @staticmethod
    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _is_replaced(self, file: int) -> bool:
        """Return True if other processes would lock another file under the same path."""
        try:
            return not os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return True

    def _write_identity(self, file: int) -> None:
        """Write the holder's identity into the file, for people; a full disk does not matter."""
        with contextlib.suppress(OSError):
            os.ftruncate(file, 0)
            os.pwrite(file, f"{self._identity}\n".encode(), 0)

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._locked = None, False


class NoLock:
    """No-op lock that is always held."""

    expires_at: float | None = None

    async def acquire_or_renew(self) -> bool:
        """Return True."""
        return True

    async def release(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""
