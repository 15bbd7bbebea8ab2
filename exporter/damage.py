"""Integrity check of a SQLite file, as far as damage can be detected."""

import codecs
import sqlite3
from pathlib import Path

from exporter import wal

_MAGIC = b"SQLite format 3\x00"


def is_text(head: bytes) -> bool:
    """Return whether a file begins as text. Such a file was never a journal."""
    try:
        text, _ = codecs.utf_8_decode(head)  # it may end within a character
    except UnicodeDecodeError:
        return False
    return bool(text) and "\0" not in text


def check_files(path: Path) -> None:
    """Check damage that SQLite takes for an empty database, or for a log that has ended.

    Raises:
        sqlite3.DatabaseError: the file is damaged.
    """
    if wal.start_of(path, len(_MAGIC)) not in (b"", _MAGIC):
        raise damaged("it does not begin as a database does")
    if wal.has_lost(path):
        raise damaged("its log does not hold all that was committed")


def check(connection: sqlite3.Connection) -> None:
    """Check a whole file. 100,000 rows take about half a second.

    Raises:
        sqlite3.DatabaseError: it is damaged; the error has SQLite's code for that.
    """
    (health,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if health != "ok":
        raise damaged(health)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        _read_all(connection, table)


def _read_all(connection: sqlite3.Connection, table: str) -> None:
    """Read every row once, because SQLite does not check that its text is valid."""
    try:
        for _ in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from its own schema
            pass
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        raise damaged(str(error)) from error


def damaged(what: str) -> sqlite3.DatabaseError:
    """Create the error of a damaged file, with SQLite's code for that."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
