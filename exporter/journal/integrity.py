"""Checks of the journal's file before it is used.

SQLite reports most damage by itself. Two kinds it takes for normal: a log that ends early, and a
database without pages. They are found by comparing the files with what SQLite reads from them.
"""

import codecs
import os
import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path

# https://www.sqlite.org/walformat.html#the_wal_index_file_format
_INDEX_HEADER = struct.Struct("=I8xBx2xI12x8s8x")
_INDEX_VERSION = 3007000
_BACKFILLED = struct.Struct("=I")
_NO_SALTS = bytes(8)


@dataclass(frozen=True, slots=True)
class _LogIndex:
    """Fields of the index (`-shm`) that describe the log (`-wal`)."""

    committed: int
    """Frames of committed transactions."""
    backfilled: int
    """Frames of these that are in the database itself by now."""
    salts: bytes
    """Identify the log; zero if it has no valid header."""


class FileCheck:
    """Check of one file; create it before SQLite opens the file, which rewrites the index.

    SQLite locks the index. POSIX drops every lock that a process has on a file when the process
    closes any descriptor of it, and another process could then truncate the index, which ends
    this one with SIGBUS. So the index stays open until `close`.
    https://www.sqlite.org/howtocorrupt.html, section 2.2
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._index_file = _open_if_present(_get_sibling(journal, "-shm"))
        self._index = self._read_index()
        log = _get_sibling(journal, "-wal")
        self._has_log = log.exists() and log.stat().st_size > 0

    def close(self) -> None:
        """Close the index; call it when SQLite has closed the file."""
        if self._index_file is not None:
            os.close(self._index_file)
            self._index_file = None

    def run(self, connection: sqlite3.Connection) -> None:
        """Check the whole file. 100,000 rows take about half a second.

        Raises:
            sqlite3.DatabaseError: it is damaged; the error has SQLite's code for that.
        """
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if not pages and (self._has_log or self._journal.stat().st_size):
            raise _create_damage_error("its first page is missing")
        if self._has_lost_frames():
            raise _create_damage_error("its log does not hold all that was committed")
        (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise _create_damage_error(health)
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            _read_all_rows(connection, table)

    def _has_lost_frames(self) -> bool:
        """Return whether SQLite found fewer frames in the log than were committed.

        A valid log with other salts proves nothing: the machine went down, and index and log
        reached the disk at different times.
        """
        before, now = self._index, self._read_index()
        if before is None or (now and now.salts not in (before.salts, _NO_SALTS)):
            return False
        if now is None or not now.committed:
            return before.backfilled < before.committed
        return now.committed < before.committed

    def _read_index(self) -> _LogIndex | None:
        """Read the index; None if it was being written, or is no index."""
        if self._index_file is None:
            return None
        size = _INDEX_HEADER.size
        data = os.pread(self._index_file, 2 * size + _BACKFILLED.size, 0)
        if len(data) < 2 * size + _BACKFILLED.size or data[:size] != data[size : 2 * size]:
            return None
        version, is_initialized, committed, salts = _INDEX_HEADER.unpack(data[:size])
        if (version, is_initialized) != (_INDEX_VERSION, 1):
            return None
        (backfilled,) = _BACKFILLED.unpack(data[2 * size :])
        return _LogIndex(committed, backfilled, salts)


def _get_sibling(journal: Path, suffix: str) -> Path:
    return journal.with_name(journal.name + suffix)


def _open_if_present(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _read_all_rows(connection: sqlite3.Connection, table: str) -> None:
    """Read every row once, because SQLite does not check that its text is valid."""
    try:
        for _ in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from its own schema
            pass
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        raise _create_damage_error(str(error)) from error


def _create_damage_error(message: str) -> sqlite3.DatabaseError:
    """Create the error of a damaged file, with SQLite's code for that."""
    error = sqlite3.DatabaseError(message)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def is_text(head: bytes) -> bool:
    """Return whether a file begins as text. Such a file was never a journal."""
    try:
        text, _ = codecs.utf_8_decode(head)  # it may end within a character
    except UnicodeDecodeError:
        return False
    return bool(text) and "\0" not in text
