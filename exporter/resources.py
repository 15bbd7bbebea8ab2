"""Resources of the process: its open files and their limit, and errors because of a shortage."""

import asyncio.selector_events
import contextlib
import ctypes
import errno
import logging
import os
import resource
import time
from pathlib import Path

_FILE_GONE_ERRNOS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
_SHORTAGE_ERRNOS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)
_NO_THREAD = "can't start new thread"
"""Text of the error of a thread for whose stack there is no memory."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of glibc's malloc.h
_LARGE_BUFFER = 131_072
"""Bytes from which on a buffer has pages of its own, which the system gets back at once."""
_READ_SIZE = 65_536
"""Bytes that are read from a connection at once."""
_REPEAT_INTERVAL = 60.0
"""Seconds between two warnings about the same shortage."""


def raise_open_file_limit() -> None:
    """Raise the soft limit of open files to the hard limit; the usual 1024 is too low."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


def limit_heaps() -> None:
    """Keep large buffers out of the heap, and threads from having heaps of their own.

    Otherwise memory of pages and responses is freed into the heap in places that nothing else
    fits, and the process grows for hours. Does nothing with a C library other than glibc.
    """
    # A read of asyncio takes a buffer of 256 KiB, which would be mapped and unmapped each time.
    asyncio.selector_events._SelectorTransport.max_size = (  # type: ignore[attr-defined] # noqa: SLF001 - no setting
        _READ_SIZE
    )
    with contextlib.suppress(AttributeError, OSError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, _LARGE_BUFFER)


def get_open_file_limit() -> int:
    """Return the number of files that the process may have open at once."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def is_replaced(file: int, path: Path) -> bool:
    """Return whether an open file is no longer at its path: removed, replaced or moved.

    Raises:
        OSError: this cannot be known.
    """
    try:
        return not os.path.samestat(os.fstat(file), path.stat())
    except OSError as error:
        if error.errno in _FILE_GONE_ERRNOS:
            return True
        raise


def is_shortage(error: BaseException) -> bool:
    """Return whether an error shows that this machine ran out of a resource.

    Such an error says nothing about a peer.
    """
    if isinstance(error, OSError):
        return error.errno in _SHORTAGE_ERRNOS
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and str(error) == _NO_THREAD
    )


def is_out_of_files() -> bool:
    """Return whether no file can be opened now.

    A name lookup fails without saying so when it cannot open its files.
    """
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return is_shortage(error)
    return False


class RepeatedWarning:
    """Warning that is logged at most once a minute, with the number of times it occurred.

    Args:
        logger: logger that logs it.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next_at = 0.0
        self._count = 0

    def log(self, text: str, *, bug: BaseException | None = None) -> None:
        """Log a warning, unless one was logged a short time ago.

        Args:
            text: the warning.
            bug: error to log in full.
        """
        self._count += 1
        now = time.monotonic()
        if now < self._next_at:
            return
        times = f" ({self._count} times)" if self._count > 1 else ""
        self._logger.warning("%s%s", text, times, exc_info=bug)
        self._next_at, self._count = now + _REPEAT_INTERVAL, 0
