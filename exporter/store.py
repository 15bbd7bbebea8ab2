"""The journal's table in SQLite. Synchronous; every call belongs on one thread."""

import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from exporter.judge import Reason
from exporter.result import ProbeResult
from slos.schema.contract import Stage, Verdict

_APPLICATION = 0x510B_0B0E  # in the file's header: this is a journal of slo-probe
_FORMAT = 1
_MAGIC = b"SQLite format 3\x00"
_BUSY_SECONDS = 1.0
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    probe TEXT NOT NULL,
    path TEXT NOT NULL,
    intended_at REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'sent', 'done')),
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    stages TEXT NOT NULL
)"""
_INDEX = "CREATE INDEX IF NOT EXISTS runs_open ON runs (id) WHERE state <> 'done'"
_UPSERT = """
INSERT INTO runs (id, probe, path, intended_at, state, verdict, reason, stages)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, verdict = excluded.verdict,
    reason = excluded.reason, stages = excluded.stages"""
_PRUNE = "DELETE FROM runs WHERE state = 'done' AND seq <= (SELECT max(seq) FROM runs) - ?"
_COLUMNS = "SELECT probe, path, id, verdict, reason, stages, intended_at FROM runs"

Row = tuple[str, ProbeResult]
"""A state (planned, sent, done) and the run; an open run has the verdict it gets when lost."""


class JournalError(Exception):
    """The journal cannot be used at all, and only a person can change that."""


class Store:
    """One SQLite file, held by one process."""

    def __init__(self, path: Path, *, keep_runs: int) -> None:
        self._path = path
        self._keep_runs = keep_runs
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None

    def claim(self) -> None:
        """Take the file for this process, or say why that cannot be.

        Raises:
            JournalError: it cannot be created or written, or another prober has it.
        """
        if self._lock is not None:
            return
        try:
            lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if error.errno in _FULL:
                return
            raise JournalError(f"journal {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise JournalError(f"journal {self._path}: another slo-probe is using it") from error
        if os.pread(lock, len(_MAGIC), 0) not in (b"", _MAGIC):
            # SQLite itself would take a very short file for an empty one and overwrite it.
            os.close(lock)
            raise JournalError(f"journal {self._path}: file is not a database; move it away")
        self._lock = lock

    def open(self) -> None:
        """Connect, unless connected.

        Raises:
            JournalError: the file holds something else.
            sqlite3.Error: anything that may pass by itself.
        """
        if self._connection is not None:
            return
        self.claim()
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise JournalError(f"journal {self._path}: {error}; move it away") from error
            raise
        except JournalError:
            connection.close()
            raise
        self._connection = connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and owner != _APPLICATION:
            raise JournalError(f"journal {self._path}: this database is not a journal of slo-probe")
        (written_as,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and written_as != _FORMAT:
            raise JournalError(f"journal {self._path}: written by another version; move it away")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute(_SCHEMA)
        connection.execute(_INDEX)
        connection.execute("COMMIT")

    def write(self, rows: Iterable[Row]) -> None:
        """Store the newest state of some runs, all or none, and drop the oldest finished ones."""
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_UPSERT, [_values(state, run) for state, run in rows])
        connection.execute(_PRUNE, (self._keep_runs,))
        connection.execute("COMMIT")

    def open_runs(self) -> list[ProbeResult]:
        """Every run without a verdict, oldest first."""
        return self._select("WHERE state <> 'done' ORDER BY seq", ())

    def recent(self, limit: int) -> list[ProbeResult]:
        """The last finished runs, newest first."""
        return self._select("WHERE state = 'done' ORDER BY seq DESC LIMIT ?", (limit,))

    def knows(self, run_id: str) -> bool:
        """Whether the id was ever issued, as far as the journal goes back."""
        query = "SELECT 1 FROM runs WHERE id = ?"
        with closing(self._connected().execute(query, (run_id,))) as cursor:
            return cursor.fetchone() is not None

    def disconnect(self) -> None:
        """Close the connection; the next `open` starts afresh."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def release(self) -> None:
        """Give the file up."""
        self.disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _select(self, rest: str, values: tuple[object, ...]) -> list[ProbeResult]:
        with closing(self._connected().execute(f"{_COLUMNS} {rest}", values)) as cursor:
            return [result for row in cursor if (result := _result(*row))]

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("not connected")
        return self._connection


def _values(state: str, run: ProbeResult) -> tuple[object, ...]:
    stages = json.dumps({stage.value: seconds for stage, seconds in run.stages.items()})
    return (
        run.id, run.probe, run.path, run.intended_at, state, run.verdict, run.reason, stages,
    )  # fmt: skip


def _result(  # noqa: PLR0913, PLR0917 - one argument per column
    probe: str, path: str, run_id: str, verdict: str, reason: str, stages: str, intended_at: float
) -> ProbeResult | None:
    """A row as a result; None when a later version wrote values this one does not know."""
    try:
        times = {Stage(stage): float(seconds) for stage, seconds in json.loads(stages).items()}
        return ProbeResult(
            probe, path, run_id, Verdict(verdict), Reason(reason), times, intended_at
        )
    except ValueError:
        return None
