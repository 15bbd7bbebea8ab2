"""SQLite store of the journal: its file and its tables."""

import errno
import fcntl
import itertools
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from exporter.journal.integrity import FileCheck, is_text
from exporter.journal.rows import (
    RUN_COLUMNS,
    BacklogRow,
    Row,
    RunState,
    VerdictCount,
    decode_kinds,
    decode_run,
    encode_run,
)
from exporter.model.run import Run
from exporter.resources import is_replaced
from slos.schema.contract import LOAD_PROBE_PREFIX, Verdict

_APPLICATION_ID = 0x510B_0B0E  # in the file's header; marks a journal of slo-probe
_FORMAT_VERSION = 2
_HEAD_BYTES = 4096
"""Bytes that are read to tell a journal from a text file."""
_MAX_KEPT_OBSERVED = 1_000
_BUSY_TIMEOUT = 1.0
_DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_CORRUPT_CODES = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_UPSERT = f"""
INSERT INTO runs ({RUN_COLUMNS}, state)
VALUES ({", ".join("?" for _ in RUN_COLUMNS.split(","))}, ?)
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, verdict = excluded.verdict, reason = excluded.reason,
    seen = excluded.seen, aliases = excluded.aliases, leavings = excluded.leavings,
    due = excluded.due"""  # noqa: S608 - constant names
_PRUNE = """
DELETE FROM runs
WHERE state NOT IN ('planned', 'sent') AND seq <= (SELECT max(seq) FROM runs) - ?"""


_UNJUDGED = (RunState.PLANNED, RunState.SENT)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS runs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    probe TEXT NOT NULL,
    path TEXT NOT NULL,
    intended_at REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ({", ".join(f"'{state}'" for state in RunState)})),
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    seen TEXT NOT NULL,
    aliases TEXT NOT NULL,
    leavings TEXT NOT NULL,
    due TEXT NOT NULL,
    trace_id TEXT
)"""
_IS_PROBE_RUN = f"state NOT IN ('planned', 'sent') AND probe NOT GLOB '{LOAD_PROBE_PREFIX}*'"
"""The run has a verdict, and does not belong to a load."""
_COUNT_VERDICTS = f"""
SELECT probe, path, verdict, min(intended_at), count(*) FROM runs
WHERE {_IS_PROBE_RUN} AND intended_at >= (SELECT max(intended_at) FROM runs) - ?
GROUP BY probe, path, verdict, CAST(intended_at / 60 AS INTEGER)"""  # noqa: S608 - constant names
_INDEX = f"CREATE INDEX IF NOT EXISTS runs_open ON runs (id) WHERE state <> '{RunState.CLEANED}'"

_UNCOUNTED = "CREATE TABLE IF NOT EXISTS uncounted (id TEXT PRIMARY KEY)"
"""Runs that were judged at a start and are not in a counter that was scraped."""
_IS_UNCOUNTED = "id IN (SELECT id FROM uncounted)"
_DELETE_UNFINISHED = f"DELETE FROM runs WHERE state <> '{RunState.CLEANED}' OR {_IS_UNCOUNTED}"  # noqa: S608 - constant names
_MARK_UNCOUNTED = "INSERT OR IGNORE INTO uncounted VALUES (?)"


class JournalError(Exception):
    """The journal cannot be used at all, and only a person can change that."""


class JournalInUseError(JournalError):
    """Another prober uses the journal."""


class SqliteStore:
    """One SQLite file, locked by one process."""

    def __init__(self, path: Path, *, keep_runs: int) -> None:
        self._path = path
        self._keep_runs = keep_runs
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._check: FileCheck | None = None
        self.damaged_files: list[Path] = []
        """Files to which damaged journals were moved."""
        self.replacements = 0
        """Number of times that the file was removed, replaced or moved while in use."""
        self._kept: dict[str, Row] = {}
        """Runs of the file that are unfinished or uncounted. They are in the next file as well.
        Runs with leftovers only are kept as far as there is room; the sweep finds the others'."""
        self._uncounted: set[str] = set()
        """Ids in the table of uncounted runs."""
        self._is_file_gone = False
        """True if the kept runs still have to be written to another file."""

    def claim(self) -> None:
        """Lock the file for this process.

        Raises:
            JournalInUseError: another prober holds the lock.
            JournalError: it is no database.
            OSError: it cannot be created or written.
        """
        if self._lock is not None:
            return
        try:
            lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if error.errno in _DISK_FULL_ERRORS:
                return
            raise
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            message = f"journal {self._path}: another slo-probe is using it"
            raise JournalInUseError(message) from error
        if is_text(os.pread(lock, _HEAD_BYTES, 0)):
            os.close(lock)
            raise JournalError(f"journal {self._path}: file is not a database; move it away")
        self._lock = lock

    def open(self) -> None:
        """Connect, unless connected. A damaged file is moved away, and a new one is begun.

        If the file was removed, replaced or moved meanwhile, the runs that it kept for later are
        written to the file that is there now, or to a new one.

        Raises:
            JournalError: the file holds something else, or cannot be reached.
            sqlite3.Error: an error that may pass by itself.
        """
        try:
            self._open()
        except OSError as error:
            raise JournalError(f"journal {self._path}: {error.strerror}") from error

    def _open(self) -> None:
        if self._lock is not None and is_replaced(self._lock, self._path):
            self._leave_file(self._lock)
        if self._connection is not None:
            return
        self.claim()
        try:
            self._connection = self._connect()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not _is_damage(error):
                raise
            self.claim()
            self._connection = self._connect()
        try:
            if self._is_file_gone:
                self.write(list(self._kept.values()), uncounted=self._uncounted)
                self._is_file_gone = False
            self._load_kept()
        except sqlite3.Error:
            self.disconnect()
            raise

    def _load_kept(self) -> None:
        with closing(self._get_connection().execute("SELECT id FROM uncounted")) as cursor:
            self._uncounted = {run_id for (run_id,) in cursor}
        rows = self._select(
            f"WHERE state NOT IN (?, ?) OR {_IS_UNCOUNTED} ORDER BY seq",
            (RunState.CLEANED, RunState.OBSERVED),
        )
        observed = self._select(
            "WHERE state = ? ORDER BY seq LIMIT ?", (RunState.OBSERVED, _MAX_KEPT_OBSERVED)
        )
        self._kept = {run.id: (state, run) for state, run in (*rows, *observed)}

    def _leave_file(self, lock: int) -> None:
        """Release a file that is no longer at its path, once the one at its path is locked.

        Until then no other prober may open it elsewhere, because it would judge the open runs.
        Afterwards it has none any more: they are written to the file that is at the path.
        """
        self.replacements += not self._is_file_gone
        self._is_file_gone = True
        try:
            if self._connection is not None:
                # Otherwise the log at this path would be applied to the file that is there now.
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self.disconnect()
        self._lock = None
        try:
            self.claim()
            if self._lock is not None:
                _delete_unfinished(Path(f"/proc/self/fd/{lock}").readlink())
        finally:
            if self._lock is None:
                self._lock = lock
            else:
                os.close(lock)

    def _connect(self) -> sqlite3.Connection:
        with ExitStack() as on_error:
            check = on_error.enter_context(closing(FileCheck(self._path)))
            connection = on_error.enter_context(
                closing(sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT, isolation_level=None))
            )
            try:
                self._prepare_schema(connection, check)
            except BaseException as error:
                # Before the connection is closed: it would write the log into the database.
                if _is_damage(error):
                    self._move_damaged_file()
                raise
            on_error.pop_all()
        self._check = check
        return connection

    def _move_damaged_file(self) -> None:
        """Rename a damaged file and the files that belong to it; never overwrite or delete one."""
        number = next(n for n in itertools.count(1) if not self._get_damaged_path(n).exists())
        try:
            for suffix in ("-wal", "-shm", ""):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    aside = self._get_damaged_path(number)
                    part.rename(aside.with_name(aside.name + suffix))
        except OSError as error:
            raise JournalError(
                f"journal {self._path}: it is damaged and cannot be renamed: {error.strerror}"
            ) from error
        self.damaged_files.append(self._get_damaged_path(number))
        self.release()

    def _get_damaged_path(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.damaged-{number}")

    def _prepare_schema(self, connection: sqlite3.Connection, check: FileCheck) -> None:
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and owner != _APPLICATION_ID:
            raise JournalError(f"journal {self._path}: this database is not a journal of slo-probe")
        (written_as,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and written_as != _FORMAT_VERSION:
            raise JournalError(f"journal {self._path}: written by another version; move it away")
        check.run(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_FORMAT_VERSION}")
        connection.execute(_SCHEMA)
        connection.execute(_INDEX)
        connection.execute(_UNCOUNTED)
        connection.execute("COMMIT")

    def write(self, changed: Sequence[Row], *, uncounted: Iterable[str] = ()) -> int:
        """Store the newest state of some runs in one transaction, and drop the oldest judged ones.

        Args:
            changed: the runs.
            uncounted: ids of runs to mark as uncounted.

        Returns:
            The number of runs.
        """
        connection = self._get_connection()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_UPSERT, [(*encode_run(run), state) for state, run in changed])
        connection.execute(_PRUNE, (self._keep_runs,))
        connection.executemany(_MARK_UNCOUNTED, [(run_id,) for run_id in uncounted])
        connection.execute("COMMIT")
        self._keep(changed)
        return len(changed)

    def _keep(self, changed: Sequence[Row]) -> None:
        for state, run in changed:
            is_full = state is RunState.OBSERVED and len(self._kept) >= _MAX_KEPT_OBSERVED
            if (state is RunState.CLEANED or is_full) and run.id not in self._uncounted:
                self._kept.pop(run.id, None)
            else:
                self._kept[run.id] = (state, run)
        if len(self._kept) > 2 * self._keep_runs:  # the file has dropped some of them
            self._load_kept()

    def pop_interrupted_runs(self) -> tuple[list[Run], list[Run]]:
        """Return the runs that an earlier process did not judge, and those that it did not count.

        The first are marked as uncounted, before they are judged.
        """
        unjudged = self.list_unjudged()
        ids = {run.id for run in unjudged}
        uncounted = [run for run in self._list_uncounted() if run.id not in ids]
        self.write([], uncounted=ids)
        self._uncounted |= ids
        return unjudged, uncounted

    def mark_counted(self, ids: Sequence[str]) -> int:
        """Remove the mark of runs; return their number."""
        self._get_connection().executemany(
            "DELETE FROM uncounted WHERE id = ?", [(run_id,) for run_id in ids]
        )
        self._uncounted.difference_update(ids)
        self._keep([self._kept[run_id] for run_id in ids if run_id in self._kept])
        return len(ids)

    def _list_uncounted(self) -> list[Run]:
        return self._select_runs(f"WHERE {_IS_UNCOUNTED} ORDER BY seq", ())

    def list_unjudged(self) -> list[Run]:
        """List every run without a verdict, oldest first."""
        return self._select_runs(
            f"WHERE state IN ({_format_placeholders(_UNJUDGED)}) ORDER BY seq", _UNJUDGED
        )

    def list_judged(self) -> list[Run]:
        """List every run with a verdict about which more may be learned, oldest first."""
        return self._select_runs("WHERE state = ? ORDER BY seq", (RunState.JUDGED,))

    def list_backlog(self) -> list[BacklogRow]:
        """List every run of which only leftovers remain, oldest first."""
        query = "SELECT id, intended_at, leavings FROM runs WHERE state = ? ORDER BY seq"
        with closing(self._get_connection().execute(query, (RunState.OBSERVED,))) as cursor:
            return [(run_id, at, decode_kinds(leavings)) for run_id, at, leavings in cursor]

    def load_runs(self, ids: Sequence[str]) -> list[Run]:
        """Load the runs of some ids."""
        return self._select_runs(f"WHERE id IN ({_format_placeholders(ids)})", ids)

    def list_recent(self, limit: int, *, failures: bool = False) -> list[Run]:
        """List the last runs with a verdict except those of a load, newest first.

        Args:
            limit: most runs to list.
            failures: whether to list only runs with another verdict than `ok`.
        """
        condition = f"{_IS_PROBE_RUN} AND verdict <> '{Verdict.OK}'" if failures else _IS_PROBE_RUN
        return self._select_runs(f"WHERE {condition} ORDER BY seq DESC LIMIT ?", (limit,))

    def count_verdicts(self, seconds: float) -> list[VerdictCount]:
        """Count the runs with a verdict except those of a load, minute by minute.

        Args:
            seconds: seconds before the newest run.
        """
        with closing(self._get_connection().execute(_COUNT_VERDICTS, (seconds,))) as cursor:
            return [
                VerdictCount(probe, path, Verdict(verdict), at, count)
                for probe, path, verdict, at, count in cursor
                if verdict in set(Verdict)  # a later version may have written others
            ]

    def is_open(self, run_id: str) -> bool:
        """Return whether a run has no verdict in the file."""
        row = self._kept.get(run_id)
        return row is not None and row[0] in _UNJUDGED

    def find_probe(self, run_id: str) -> str | None:
        """Find the probe of a run, as far as the journal goes back."""
        query = "SELECT probe FROM runs WHERE id = ?"
        with closing(self._get_connection().execute(query, (run_id,))) as cursor:
            row = cursor.fetchone()
        return str(row[0]) if row else None

    def disconnect(self) -> None:
        """Close the connection; `open` connects again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._check is not None:
            self._check.close()
            self._check = None

    def release(self) -> None:
        """Close the connection and unlock the file."""
        self.disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _select_runs(self, rest: str, values: Sequence[object]) -> list[Run]:
        return [run for _, run in self._select(rest, values)]

    def _select(self, rest: str, values: Sequence[object]) -> list[Row]:
        query = f"SELECT {RUN_COLUMNS}, state FROM runs {rest}"  # noqa: S608 - constant names
        with closing(self._get_connection().execute(query, tuple(values))) as cursor:
            found = [(RunState(state), decode_run(*row)) for *row, state in cursor]
        return [(state, run) for state, run in found if run is not None]

    def _get_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("not connected")
        return self._connection


def _delete_unfinished(path: Path) -> None:
    """Delete the unfinished runs of a journal, unless it was removed."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)) as connection:
        connection.execute(_DELETE_UNFINISHED)
        connection.execute("DELETE FROM uncounted")


def _format_placeholders(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def _is_damage(error: BaseException) -> bool:
    """Return whether the file is damaged; SQLite's message may quote text that is invalid."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT_CODES
