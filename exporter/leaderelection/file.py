"""File lock (`flock`) on a shared volume, and the lock of a prober that runs alone."""

import contextlib
import fcntl
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path

from exporter.leaderelection import LockError, Moment
from exporter.resources import is_replaced
from exporter.schedule.clock import Clock

_log = logging.getLogger(__name__)


class FileLock:
    """Lock held by the process that has the file locked.

    The file is never deleted, or two processes could lock two files. If another program takes it
    away, the holder stops at once and competes for the file that is at the path then.
    """

    expires_at = -math.inf
    """Never known: the kernel only tells whether the file is free now."""

    def __init__(
        self,
        path: Path,
        *,
        identity: str,
        clock: Clock,
        on_replaced: Callable[[], None] = lambda: None,
    ) -> None:
        """Start without the lock.

        Args:
            path: the file to lock.
            identity: identity of this process, for people who read the file.
            clock: the clock.
            on_replaced: called when the file was taken away while this process held its lock.
        """
        self._path = path
        self._identity = identity
        self._clock = clock
        self._on_replaced = on_replaced
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

    def is_intact(self) -> bool:
        """Return whether the locked file is still at its path."""
        try:
            return self._file is not None and not is_replaced(self._file, self._path)
        except OSError:
            return False

    async def acquire_or_renew(self, valid_until: float) -> Moment | None:  # noqa: ARG002 - a lock of the kernel does not expire
        """Lock the file, or check that the lock is still valid.

        Raises:
            LockError: the file cannot be opened or read.
        """
        claim = Moment.read(self._clock)
        try:
            self._leave_replaced_file()
            return claim if self._try_hold() else None
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

    def _leave_replaced_file(self) -> None:
        """Close a file that is no longer at its path, which unlocks it."""
        if self._file is None or not is_replaced(self._file, self._path):
            return
        if self._locked:
            self._on_replaced()
            _log.error(
                "lease: %s was removed, replaced or moved while this prober held it; "
                "the file that is at its path now decides",
                self._path,
            )
        self._close_file()

    def _try_hold(self) -> bool:
        file = self._open_file()
        if self._locked:
            return True
        # The file may have been replaced after it was opened.
        if not self._try_lock(file) or is_replaced(file, self._path):
            return False
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

    expires_at = -math.inf

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def is_intact(self) -> bool:
        """Return True."""
        return True

    async def acquire_or_renew(self, valid_until: float) -> Moment | None:  # noqa: ARG002 - it never ends
        """Return the present moment."""
        return Moment.read(self._clock)

    async def release(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""
