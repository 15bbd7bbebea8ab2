"""Whether a SQLite file is what it was when it was written, as far as that can be told."""

import codecs
import sqlite3
from pathlib import Path

from exporter import wal

_MAGIC = b"SQLite format 3\x00"


def is_text(head: bytes) -> bool:
    """Whether a file begins as text does: then a person wrote it, and it was never a journal."""
    try:
        text, _ = codecs.utf_8_decode(head)  # it may end within a letter
    except UnicodeDecodeError:
        return False
    return bool(text) and "\0" not in text


def check_files(path: Path) -> None:
    """Look at what SQLite itself takes for an empty database, or for a log that has ended.

    Raises:
        sqlite3.DatabaseError: there was more.
    """
    if wal.start_of(path, len(_MAGIC)) not in (b"", _MAGIC):
        raise damaged("it does not begin as a database does")
    if wal.has_lost(path):
        raise damaged("its log does not hold all that was committed")


def check(connection: sqlite3.Connection) -> None:
    """Look through a whole file: 100,000 rows take about half a second.

    Raises:
        sqlite3.DatabaseError: it is damaged, with the error code that SQLite has for that.
    """
    (health,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if health != "ok":
        raise damaged(health)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        _read_all(connection, table)


def _read_all(connection: sqlite3.Connection, table: str) -> None:
    """Read every row once: SQLite itself does not look whether its text is text."""
    try:
        for _ in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name it has itself
            pass
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        raise damaged(str(error)) from error


def damaged(what: str) -> sqlite3.DatabaseError:
    """The error of a damaged file, with the code that SQLite has for that."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
