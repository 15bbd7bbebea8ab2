"""The journal accounts for every run, survives a full disk, and never stops the probing."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from exporter.journal import JournalError, State
from exporter.judge import Reason
from exporter.store import Row
from slos.schema.contract import Verdict
from tests.exporter.conftest import ROOT
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import Desk, done, files, reopened, rows, run


@pytest.fixture
async def desk(path: Path, clock: FakeClock) -> AsyncIterator[Desk]:
    made = Desk(path, clock)
    await made.journal.start()
    yield made
    await made.journal.close()


async def test_a_run_is_on_disk_before_its_event_can_be_sent(desk: Desk, path: Path) -> None:
    await desk.journal.put(State.PLANNED, run("a"))
    assert rows(path) == [("a", "planned", "unknown")]
    await desk.journal.put(State.SENT, run("a"))
    assert rows(path) == [("a", "sent", "unknown")]
    await desk.journal.put(State.CLEANED, done("a"))
    assert rows(path) == [("a", "cleaned", "ok")]
    assert await desk.journal.recent(10) == [done("a")]


async def test_the_journal_knows_what_it_issued(desk: Desk) -> None:
    await desk.journal.put(State.PLANNED, run("a"))
    assert await desk.journal.probe_of("a") == "remediation"
    assert await desk.journal.probe_of("b") is None


async def test_orphans_are_closed_once(path: Path, clock: FakeClock) -> None:
    desk = Desk(path, clock)
    await desk.journal.start()
    await desk.journal.put(State.PLANNED, run("a"))
    await desk.journal.put(State.PLANNED, run("b"))
    await desk.journal.put(State.SENT, run("b"))
    await desk.journal.put(State.CLEANED, done("c"))
    await desk.journal.close()

    orphans, recent = await reopened(path, clock)
    assert [(each.id, each.verdict, each.reason) for each in orphans] == [
        ("a", Verdict.UNKNOWN, Reason.PROBER_RESTARTED),
        ("b", Verdict.UNKNOWN, Reason.PROBER_RESTARTED),
    ]
    assert [each.id for each in recent] == ["c", "b", "a"]
    assert (await reopened(path, clock))[0] == []


CRASHING = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from exporter.clock import SystemClock
from exporter.journal import Journal, opened, State

async def main():
    journal = Journal(Path({path!r}), keep_runs=1000, failed=print, clock=SystemClock())
    await journal.start()
    for number in range(5):
        await journal.put(State.PLANNED, opened("remediation", "direct", f"run-{{number}}", 1.7e9))
    await journal.put(State.SENT, opened("remediation", "direct", "run-4", 1.7e9))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_kill_in_flight_loses_no_run(path: Path, clock: FakeClock) -> None:
    program = CRASHING.format(root=str(ROOT), path=str(path))
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], check=False, timeout=30
    )
    assert ended.returncode == -signal.SIGKILL
    orphans, _ = await reopened(path, clock)
    assert [each.id for each in orphans] == [f"run-{number}" for number in range(5)]


async def test_changes_are_written_in_batches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    write = desk.journal._store.write

    def counted(changed: Sequence[Row]) -> int:
        batches.append(len(changed))
        return write(changed)

    monkeypatch.setattr(desk.journal._store, "write", counted)
    puts = [desk.journal.put(State.PLANNED, run(f"slo-probe-{n}")) for n in range(200)]
    await asyncio.gather(*puts)
    assert sum(batches) == 200
    assert len(batches) <= 3


async def test_open_runs_are_never_dropped(path: Path, clock: FakeClock) -> None:
    desk = Desk(path, clock, keep_runs=3)
    await desk.journal.start()
    await desk.journal.put(State.PLANNED, run("open"))
    for number in range(10):
        await desk.journal.put(State.PLANNED, run(f"{number}"))
        await desk.journal.put(State.CLEANED, done(f"{number}"))
    await desk.journal.close()
    assert [row[0] for row in rows(path)] == ["open", "7", "8", "9"]


@pytest.mark.parametrize("content", [b"no database\n" * 1000, b"x"])
async def test_other_files_stay_untouched(path: Path, clock: FakeClock, content: bytes) -> None:
    await asyncio.to_thread(path.write_bytes, content)
    with pytest.raises(JournalError, match="not a database"):
        await Desk(path, clock).journal.start()
    assert files(path.parent) == {path.name: content}


async def test_a_foreign_database_is_untouched(path: Path, clock: FakeClock) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE runs (theirs TEXT)")
    connection.close()
    content = files(path.parent)
    with pytest.raises(JournalError, match="not a journal of slo-probe"):
        await Desk(path, clock).journal.start()
    assert files(path.parent) == content


async def test_the_journal_is_locked(desk: Desk, path: Path, clock: FakeClock) -> None:
    await desk.journal.put(State.PLANNED, run("a"))
    with pytest.raises(JournalError, match="another slo-probe"):
        await Desk(path, clock).journal.start()
    await desk.journal.put(State.CLEANED, done("a"))
    assert rows(path) == [("a", "cleaned", "ok")]


@pytest.mark.parametrize(
    ("where", "why"), [("missing/j.sqlite", "No such file"), (".", "Is a directory")]
)
async def test_unusable_place(tmp_path: Path, clock: FakeClock, where: str, why: str) -> None:
    with pytest.raises(JournalError, match=why):
        await Desk(tmp_path / where, clock).journal.start()


async def test_a_journal_of_another_version_stops_the_start(path: Path, clock: FakeClock) -> None:
    await reopened(path, clock)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalError, match="another version"):
        await Desk(path, clock).journal.start()


async def test_a_row_with_values_of_a_later_version_is_passed_over(desk: Desk, path: Path) -> None:
    await desk.journal.put(State.CLEANED, done("a"))
    await desk.journal.put(State.CLEANED, done("b"))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE runs SET reason = 'of the future' WHERE id = 'b'")
    connection.commit()
    connection.close()
    assert await desk.journal.recent(10) == [done("a")]
