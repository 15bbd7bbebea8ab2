"""A disk that fails is counted and told, and what was missed is written later."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.journal import State
from slos.schema.contract import JournalOperation
from tests.exporter.conftest import ROOT
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import Desk, done, reopened, rows, run

FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from exporter.clock import SystemClock
from exporter.journal import Journal, opened, State

async def main():
    failures = []
    journal = Journal(Path({path!r}), keep_runs=1000, failed=failures.append, clock=SystemClock())
    await journal.start()
    await journal.put(State.PLANNED, opened("remediation", "direct", "before", 1.7e9))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    for number in range(3):
        run = opened("remediation", "direct", f"during-{{number}}", 1.7e9)
        await journal.put(State.PLANNED, run)
        await journal.put(State.CLEANED, run)
    counted = len(failures)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await journal.put(State.CLEANED, opened("remediation", "direct", "after", 1.7e9))
    await journal.close()
    print(counted, len(failures))

asyncio.run(main())
"""


async def test_a_full_disk_is_made_up_for(path: Path, clock: FakeClock) -> None:
    program = FULL_DISK.format(root=str(ROOT), path=str(path))
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
    )
    assert ended.stdout.split() == ["6", "6"]
    assert ended.stderr.count("probing goes on") == 1
    orphans, recent = await reopened(path, clock)
    assert [each.id for each in orphans] == ["before"]
    assert {each.id for each in recent} == {"before", "during-0", "during-1", "during-2", "after"}


async def test_a_disk_that_is_full_at_the_start_delays_the_accounting(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Desk(path, clock)
    await before.journal.start()
    await before.journal.put(State.PLANNED, run("a"))
    await before.journal.close()

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    desk = Desk(path, clock)
    with monkeypatch.context() as patched:
        patched.setattr("exporter.store.sqlite3.connect", full)
        assert await desk.journal.start() == []
        await desk.journal.put(State.PLANNED, run("b"))
    await desk.journal.put(State.CLEANED, done("b"))
    assert [each.id for each in desk.journal.take_orphans()] == ["a"]
    assert desk.journal.take_orphans() == []
    await desk.journal.close()
    assert desk.failures == [JournalOperation.OPEN_RUN, JournalOperation.OPEN_RUN]
    assert {row[0]: row[1] for row in rows(path)} == {"a": "judged", "b": "cleaned"}


async def test_failures_are_logged_once_a_minute_at_most(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(path, clock)
    await desk.journal.start()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(desk.journal._store, "write", full)
    for _ in range(121):
        await desk.journal.put(State.PLANNED, run("a"))
        await clock.advance(1)
    assert caplog.text.count("probing goes on") == 3
    assert len(desk.failures) == 121
    monkeypatch.undo()
    await desk.journal.close()


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["open", "sent", "cleaned"]), st.sampled_from("abc"), st.booleans()),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(operations=OPERATIONS)
def test_whatever_fails_in_between_the_disk_ends_up_with_the_last_word(
    operations: list[tuple[str, str, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    expected: dict[str, str] = {}

    async def play(monkeypatch: pytest.MonkeyPatch) -> None:
        desk = Desk(path, FakeClock())
        await desk.journal.start()
        write = desk.journal._store.write

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        for operation, run_id, works in operations:
            monkeypatch.setattr(desk.journal._store, "write", write if works else full)
            if operation == "open":
                await desk.journal.put(State.PLANNED, run(run_id))
            elif operation == "sent":
                await desk.journal.put(State.SENT, run(run_id))
            else:
                await desk.journal.put(State.CLEANED, done(run_id))
            expected[run_id] = {"open": "planned"}.get(operation, operation)
        monkeypatch.setattr(desk.journal._store, "write", write)
        await desk.journal.close()

    with pytest.MonkeyPatch.context() as patched:
        asyncio.run(play(patched))
    assert {row[0]: row[1] for row in rows(path)} == expected
