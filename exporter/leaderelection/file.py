"""`flock` on a shared volume, and no lock at all."""

import contextlib
import fcntl
import os
from pathlib import Path

from exporter.leaderelection import LeaseError


class FileLease:
    """Lock held by the process that has the file locked.

    The file is never deleted, or two processes could lock two files.
    """

    opens_at: float | None = None
    """Never known: the kernel only tells whether the file is free now."""

    def __init__(self, path: Path, *, identity: str) -> None:
        self._path = path
        self._identity = identity
        self._file: int | None = None
        self._locked = False

    def check(self) -> None:
        """Check that the file can be opened.

        Raises:
            LockError: it cannot; a retry will not help.
        """
        try:
            self._open()
        except OSError as error:
            raise LeaseError(f"lease {self._path}: {error.strerror}") from error

    async def acquire_or_renew(self) -> bool:
        """Lock the file, or check that the lock is still valid.

        Raises:
            LockError: the file cannot be opened or read.
        """
        try:
            return self._hold()
        except OSError as error:
            raise LeaseError(f"{self._path}: {error.strerror}") from error

    async def release(self) -> None:
        """Unlock the file."""
        self._let_go()

    async def close(self) -> None:
        """Close the file, which unlocks it."""
        self._let_go()

    def _open(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._file

    def _hold(self) -> bool:
        file = self._open()
        if not (self._locked or self._lock(file)):
            return False
        if self._replaced(file):
            # The file was deleted. The holder notices that too, before the next attempt.
            self._let_go()
            return False
        if not self._locked:
            self._locked = True
            self._sign(file)
        return True

    @staticmethod
    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _replaced(self, file: int) -> bool:
        """Return True if other processes would lock another file under the same path."""
        try:
            return not os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return True

    def _sign(self, file: int) -> None:
        """Write the holder's identity into the file, for people; a full disk does not matter."""
        with contextlib.suppress(OSError):
            os.ftruncate(file, 0)
            os.pwrite(file, f"{self._identity}\n".encode(), 0)

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._locked = None, False


class Alone:
    """No-op lock that is always held."""

    opens_at: float | None = None

    async def acquire_or_renew(self) -> bool:
        """Return True."""
        return True

    async def release(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""
