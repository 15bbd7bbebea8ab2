"""Integrity check of the journal file before it is used."""

import codecs
import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_INDEX_HEADER = struct.Struct("=4I2I2I2I2I")  # one of its two headers
_COMMITTED, _SALTS = 4, slice(32, 40)
_BACKFILLED = struct.Struct("=I")
_LOG_HEADER = struct.Struct(">8I")
_FRAME_HEADER = struct.Struct(">6I")
_LOG_MAGIC = 0x377F0682
"""With the lowest bit set, the words of the checksum are big-endian."""
_NATIVE, _LITTLE, _BIG = "=<>"
_Sums = tuple[int, int]

_DATABASE_MAGIC = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class _LogIndex:
    """Fields of the index that describe the log."""

    committed: int
    """Frames of committed transactions."""
    backfilled: int
    """Frames of these that are in the database itself by now."""
    salts: bytes


def has_lost_frames(journal: Path) -> bool:
    """Return whether committed frames are missing from both the log and the database.

    Without a readable index this is unknown, and the result is False.
    """
    index = _parse_index(
        read_start(_get_sibling(journal, "-shm"), 2 * _INDEX_HEADER.size + _BACKFILLED.size)
    )
    if index is None or index.backfilled >= index.committed:
        return False
    try:
        with _get_sibling(journal, "-wal").open("rb") as log:
            return _count_intact_frames(log, index) < index.committed
    except FileNotFoundError:
        return True
    except OSError:  # SQLite reports it when it opens the file
        return False


def _parse_index(data: bytes) -> _LogIndex | None:
    """Parse the index; None if it was being written, or is no index."""
    size = _INDEX_HEADER.size
    first_header, second_header, rest = data[:size], data[size : 2 * size], data[2 * size :]
    if first_header != second_header or len(rest) < _BACKFILLED.size:
        return None
    fields = _INDEX_HEADER.unpack(first_header)
    if _compute_checksum(first_header[:-8], (0, 0), order=_NATIVE) != fields[-2:]:
        return None
    return _LogIndex(fields[_COMMITTED], _BACKFILLED.unpack(rest)[0], first_header[_SALTS])


def _count_intact_frames(log: BinaryIO, index: _LogIndex) -> int:
    """Count the committed frames that are intact.

    A log whose own header is intact but differs from the one in the index proves nothing: the
    machine went down, and the two reached the disk at different times.
    """
    header = log.read(_LOG_HEADER.size)
    if len(header) < _LOG_HEADER.size:
        return 0
    magic, _, page_size, *_ = _LOG_HEADER.unpack(header)
    order = _BIG if magic & 1 else _LITTLE
    sums = _compute_checksum(header[:-8], (0, 0), order=order)
    if magic & ~1 != _LOG_MAGIC or sums != _LOG_HEADER.unpack(header)[-2:]:
        return 0
    if header[16:24] != index.salts:
        return index.committed
    for number in range(index.committed):
        head, page = log.read(_FRAME_HEADER.size), log.read(page_size)
        if len(page) < page_size or head[8:16] != index.salts:
            return number
        sums = _compute_checksum(head[:8] + page, sums, order=order)
        if sums != _FRAME_HEADER.unpack(head)[-2:]:
            return number
    return index.committed


def _compute_checksum(data: bytes, sums: _Sums, *, order: str) -> _Sums:
    """Compute SQLite's checksum over words, continuing from an earlier one."""
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    first, second = sums
    for first_word, second_word in zip(words[::2], words[1::2], strict=True):
        first = (first + first_word + second) & 0xFFFFFFFF
        second = (second + second_word + first) & 0xFFFFFFFF
    return first, second


def read_start(path: Path, size: int) -> bytes:
    """Read the first bytes of a file; none when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _get_sibling(journal: Path, suffix: str) -> Path:
    return journal.with_name(journal.name + suffix)


def is_text(head: bytes) -> bool:
    """Return whether a file begins as text. Such a file was never a journal."""
    try:
        text, _ = codecs.utf_8_decode(head)  # it may end within a character
    except UnicodeDecodeError:
        return False
    return bool(text) and "\0" not in text


def check_file_headers(path: Path) -> None:
    """Check damage that SQLite takes for an empty database, or for a log that has ended.

    Raises:
        sqlite3.DatabaseError: the file is damaged.
    """
    if read_start(path, len(_DATABASE_MAGIC)) not in (b"", _DATABASE_MAGIC):
        raise create_damage_error("it does not begin as a database does")
    if has_lost_frames(path):
        raise create_damage_error("its log does not hold all that was committed")


def check_integrity(connection: sqlite3.Connection) -> None:
    """Check a whole file. 100,000 rows take about half a second.

    Raises:
        sqlite3.DatabaseError: it is damaged; the error has SQLite's code for that.
    """
    (health,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if health != "ok":
        raise create_damage_error(health)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        _read_all_rows(connection, table)


def _read_all_rows(connection: sqlite3.Connection, table: str) -> None:
    """Read every row once, because SQLite does not check that its text is valid."""
    try:
        for _ in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from its own schema
            pass
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        raise create_damage_error(str(error)) from error


def create_damage_error(message: str) -> sqlite3.DatabaseError:
    """Create the error of a damaged file, with SQLite's code for that."""
    error = sqlite3.DatabaseError(message)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
