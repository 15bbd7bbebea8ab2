"""The journal: writes, restarts, foreign files and a full disk."""

import asyncio
import dataclasses
import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.journal.rows import Row, RunState
from exporter.journal.sqlite import JournalError
from exporter.model.bounds import Bounds
from exporter.model.run import Leftover
from exporter.model.verdict import Reason
from slos.schema.contract import JournalOperation, LeftoverKind, Stage, Verdict
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_harness import (
    JournalHarness,
    build_judged_run,
    build_open_run,
    execute_sql,
    read_files,
    read_rows,
    reopen_journal,
)
from tests.exporter.slo_probe import ROOT


@pytest.fixture
async def harness(path: Path, clock: FakeClock) -> AsyncIterator[JournalHarness]:
    made = JournalHarness(path, clock)
    await made.journal.start()
    yield made
    await made.journal.close()


async def test_a_run_is_on_disk_before_its_event_can_be_sent(
    harness: JournalHarness, path: Path
) -> None:
    await harness.journal.write_run(RunState.PLANNED, build_open_run("a"))
    assert read_rows(path) == [("a", "planned", "unknown")]
    await harness.journal.write_run(RunState.SENT, build_open_run("a"))
    assert read_rows(path) == [("a", "sent", "unknown")]
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("a"))
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert await harness.journal.list_recent(10) == [build_judged_run("a")]


async def test_the_journal_finds_the_probe_of_a_run(harness: JournalHarness) -> None:
    await harness.journal.write_run(RunState.PLANNED, build_open_run("a"))
    assert await harness.journal.find_probe("a") == "remediation"
    assert await harness.journal.find_probe("b") is None


def replace_journal(path: Path, kind: str) -> None:
    """Take the file away from a journal that uses it."""
    if kind == "moved":
        path.rename(path.with_name("elsewhere"))
    elif kind == "replaced":
        other = path.with_name("other")
        execute_sql(other, "CREATE TABLE t (a)")
        execute_sql(other, "DROP TABLE t")
        other.rename(path)
    else:
        for file in path.parent.glob(f"{path.name}*" if kind == "all removed" else path.name):
            file.unlink()


@pytest.mark.parametrize("kind", ["moved", "replaced", "removed", "all removed"])
async def test_a_file_that_is_taken_away_is_noticed_at_the_next_write(
    harness: JournalHarness, path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.journal.write_run(RunState.SENT, build_open_run("open"))
    await harness.journal.write_run(RunState.JUDGED, build_judged_run("judged"))
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("done"))
    replace_journal(path, kind)
    await harness.journal.write_run(RunState.PLANNED, build_open_run("next"))
    assert harness.failures == [JournalOperation.OPEN_RUN]
    assert "removed, replaced or moved" in caplog.text
    rows = [("open", "sent", "unknown"), ("judged", "judged", "ok"), ("next", "planned", "unknown")]
    assert read_rows(path) == rows
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("open"))
    assert len(harness.failures) == 1
    with pytest.raises(JournalError, match="another slo-probe is using it"):
        await JournalHarness(path, FakeClock()).journal.start()


async def test_a_file_that_is_taken_away_after_a_failure_loses_no_unfinished_run(
    harness: JournalHarness, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.journal.write_run(RunState.SENT, build_open_run("open"))
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("done"))
    with monkeypatch.context() as patched:
        patched.setattr(harness.journal._store, "write", _raise_disk_full)
        await harness.journal.write_run(RunState.PLANNED, build_open_run("next"))
    replace_journal(path, "all removed")
    with monkeypatch.context() as patched:
        patched.setattr("exporter.journal.sqlite.sqlite3.connect", _raise_disk_full)
        await harness.journal.write_run(RunState.PLANNED, build_open_run("next"))
    await harness.journal.write_run(RunState.SENT, build_open_run("next"))
    assert read_rows(path) == [("open", "sent", "unknown"), ("next", "sent", "unknown")]


async def test_a_prober_that_opens_a_moved_file_takes_over_no_run(
    path: Path, clock: FakeClock
) -> None:
    first, elsewhere = JournalHarness(path, clock), path.with_name("elsewhere")
    await first.journal.start()
    await first.journal.write_run(RunState.SENT, build_open_run("open"))
    await first.journal.write_run(RunState.OBSERVED, build_judged_run("observed"))
    await first.journal.write_run(RunState.CLEANED, build_judged_run("done"))
    replace_journal(path, "moved")
    await first.journal.write_run(RunState.PLANNED, build_open_run("next"))
    second = JournalHarness(elsewhere, clock)
    assert await second.journal.start() == []
    assert (await second.journal.list_judged(), await second.journal.list_backlog()) == ([], [])
    assert [run.id for run in await second.journal.list_recent(10)] == ["done"]
    await second.journal.close()
    await first.journal.close()
    assert [row[0] for row in read_rows(path)] == ["open", "observed", "next"]


async def test_a_moved_file_stays_locked_while_another_prober_has_its_place(
    path: Path, clock: FakeClock
) -> None:
    first, elsewhere = JournalHarness(path, clock), path.with_name("elsewhere")
    await first.journal.start()
    await first.journal.write_run(RunState.SENT, build_open_run("open"))
    replace_journal(path, "moved")
    second = JournalHarness(path, clock)
    assert await second.journal.start() == []
    for _ in range(2):
        await first.journal.write_run(RunState.JUDGED, build_judged_run("open"))
    with pytest.raises(JournalError, match="another slo-probe is using it"):
        await JournalHarness(elsewhere, clock).journal.start()
    await second.journal.close()
    await first.journal.close()
    assert read_rows(path) == [("open", "judged", "ok")]
    assert read_rows(elsewhere) == []
    assert len(first.failures) == 3, "two writes failed, and the change of the file"


async def test_a_mark_that_is_not_written_is_reported(
    harness: JournalHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(harness.journal._store, "mark_counted", _raise_disk_full)
        assert not await harness.journal.mark_counted(["a"])
    assert await harness.journal.mark_counted(["a"])
    assert harness.failures == [JournalOperation.CLOSE_RUN]


@pytest.mark.parametrize("kind", ["moved", "replaced", "removed", "all removed"])
async def test_a_file_that_is_taken_away_loses_no_uncounted_run(
    path: Path, clock: FakeClock, kind: str
) -> None:
    first = JournalHarness(path, clock)
    await first.journal.start()
    for run_id in ("counted", "uncounted"):
        await first.journal.write_run(RunState.SENT, build_open_run(run_id))
    await first.journal.close()

    second = JournalHarness(path, clock)
    for run in await second.journal.start():
        await second.journal.write_run(RunState.CLEANED, run)
    assert await second.journal.mark_counted(["counted"])
    replace_journal(path, kind)
    await second.journal.write_run(RunState.CLEANED, build_judged_run("next"))
    await second.journal.close()

    third = JournalHarness(path, clock)
    assert await third.journal.start() == []
    assert [each.id for each in third.journal.pop_uncounted_runs()] == ["uncounted"]
    await third.journal.close()


async def test_a_folder_that_cannot_be_reached_stops_no_run(
    tmp_path: Path, clock: FakeClock
) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    harness = JournalHarness(folder / "journal.sqlite", clock)
    await harness.journal.start()
    folder.rename(tmp_path / "elsewhere")
    await asyncio.to_thread(folder.touch)
    await harness.journal.write_run(RunState.PLANNED, build_open_run("a"))
    await harness.journal.write_run(RunState.PLANNED, build_open_run("b"))
    assert harness.failures == [JournalOperation.OPEN_RUN] * 2
    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    await harness.journal.close()
    assert [row[0] for row in read_rows(folder / "journal.sqlite")] == ["a", "b"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTDIR])
async def test_a_file_that_cannot_be_looked_at_stops_no_run(
    harness: JournalHarness, path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    await harness.journal.write_run(RunState.SENT, build_open_run("a"))

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", fail)
        await harness.journal.write_run(RunState.PLANNED, build_open_run("b"))
    assert harness.failures == [JournalOperation.OPEN_RUN]
    await harness.journal.write_run(RunState.PLANNED, build_open_run("c"))
    assert [row[0] for row in read_rows(path)] == ["a", "b", "c"]


async def test_runs_left_open_are_closed_once(path: Path, clock: FakeClock) -> None:
    harness = JournalHarness(path, clock)
    await harness.journal.start()
    await harness.journal.write_run(RunState.PLANNED, build_open_run("a"))
    await harness.journal.write_run(RunState.PLANNED, build_open_run("b"))
    await harness.journal.write_run(RunState.SENT, build_open_run("b"))
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("c"))
    await harness.journal.close()

    left_open, recent = await reopen_journal(path, clock)
    assert [(each.id, each.verdict, each.reason) for each in left_open] == [
        ("a", Verdict.UNKNOWN, Reason.PROBER_RESTARTED),
        ("b", Verdict.UNKNOWN, Reason.PROBER_RESTARTED),
    ]
    assert [each.id for each in recent] == ["c", "b", "a"]
    assert (await reopen_journal(path, clock))[0] == []


CRASHING = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from exporter.journal.journal import Journal, create_open_run
from exporter.journal.rows import RunState
from exporter.schedule.clock import SystemClock

async def main():
    journal = Journal(Path({path!r}), keep_runs=1000, on_failure=print, clock=SystemClock())
    await journal.start()
    for number in range(5):
        run = create_open_run("remediation", "direct", f"run-{{number}}", 1.7e9)
        await journal.write_run(RunState.PLANNED, run)
    await journal.write_run(RunState.SENT, run)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_kill_in_flight_loses_no_run(path: Path, clock: FakeClock) -> None:
    program = CRASHING.format(root=str(ROOT), path=str(path))
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], check=False, timeout=30
    )
    assert ended.returncode == -signal.SIGKILL
    left_open, _ = await reopen_journal(path, clock)
    assert [each.id for each in left_open] == [f"run-{number}" for number in range(5)]


async def test_changes_are_written_in_batches(
    harness: JournalHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    write = harness.journal._store.write

    def count_batch(changed: Sequence[Row]) -> int:
        batches.append(len(changed))
        return write(changed)

    monkeypatch.setattr(harness.journal._store, "write", count_batch)
    puts = [
        harness.journal.write_run(RunState.PLANNED, build_open_run(f"slo-probe-{n}"))
        for n in range(200)
    ]
    await asyncio.gather(*puts)
    assert sum(batches) == 200
    assert len(batches) <= 3


async def test_open_runs_are_never_dropped(path: Path, clock: FakeClock) -> None:
    harness = JournalHarness(path, clock, keep_runs=3)
    await harness.journal.start()
    await harness.journal.write_run(RunState.PLANNED, build_open_run("open"))
    for number in range(10):
        await harness.journal.write_run(RunState.PLANNED, build_open_run(f"{number}"))
        await harness.journal.write_run(RunState.CLEANED, build_judged_run(f"{number}"))
    await harness.journal.close()
    assert [row[0] for row in read_rows(path)] == ["open", "7", "8", "9"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        *((text, "not a database; move it away") for text in (
            "no database\n" * 1000, "x", "target: {url: http://agent-sre/}\n", "\u00e4" * 4000
        )),
        ("CREATE TABLE runs (theirs TEXT)", "not a journal of slo-probe"),
        ("PRAGMA user_version = 99", "another version"),
    ],
    ids=lambda value: value[:20],
)  # fmt: skip
async def test_a_file_that_is_not_a_journal_stops_the_start_and_is_not_changed(
    path: Path, clock: FakeClock, content: str, why: str
) -> None:
    if content.startswith("PRAGMA"):
        await reopen_journal(path, clock)
    if content.startswith(("PRAGMA", "CREATE")):
        execute_sql(path, content)
    else:
        await asyncio.to_thread(path.write_text, content)
    before = read_files(path.parent)
    with pytest.raises(JournalError, match=why):
        await JournalHarness(path, clock).journal.start()
    assert read_files(path.parent)[path.name] == before[path.name]


async def test_the_journal_is_locked(harness: JournalHarness, path: Path, clock: FakeClock) -> None:
    await harness.journal.write_run(RunState.PLANNED, build_open_run("a"))
    with pytest.raises(JournalError, match="another slo-probe"):
        await JournalHarness(path, clock).journal.start()
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("a"))
    assert read_rows(path) == [("a", "cleaned", "ok")]


@pytest.mark.parametrize(
    ("where", "why"), [("missing/j.sqlite", "No such file"), (".", "Is a directory")]
)
async def test_an_unusable_path_is_an_error(
    tmp_path: Path, clock: FakeClock, where: str, why: str
) -> None:
    with pytest.raises(JournalError, match=why):
        await JournalHarness(tmp_path / where, clock).journal.start()


async def test_a_row_with_values_of_a_later_version_is_ignored(
    harness: JournalHarness, path: Path
) -> None:
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("a"))
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("b"))
    execute_sql(path, "UPDATE runs SET reason = 'of the future' WHERE id = 'b'")
    assert await harness.journal.list_recent(10) == [build_judged_run("a")]


async def test_a_time_within_bounds_is_kept(harness: JournalHarness) -> None:
    times = {Stage.LAMBDA_EXECUTION: {"canary": Bounds(0.5, 2.5), "tempo": Bounds.exactly(1.0)}}
    run = dataclasses.replace(build_judged_run("a"), stage_times=times)
    await harness.journal.write_run(RunState.CLEANED, run)
    assert await harness.journal.list_recent(1) == [run]


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from exporter.journal.journal import Journal, create_open_run
from exporter.journal.rows import RunState
from exporter.schedule.clock import SystemClock

async def main():
    failures = []
    journal = Journal(
        Path({path!r}), keep_runs=1000, on_failure=failures.append, clock=SystemClock()
    )
    await journal.start()
    run = create_open_run("remediation", "direct", "before", 1.7e9)
    await journal.write_run(RunState.PLANNED, run)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    for number in range(3):
        run = create_open_run("remediation", "direct", f"during-{{number}}", 1.7e9)
        await journal.write_run(RunState.PLANNED, run)
        await journal.write_run(RunState.CLEANED, run)
    counted = len(failures)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run = create_open_run("remediation", "direct", "after", 1.7e9)
    await journal.write_run(RunState.CLEANED, run)
    await journal.close()
    print(counted, len(failures))

asyncio.run(main())
"""


def _raise_disk_full(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


async def test_writes_during_a_full_disk_are_retried(path: Path, clock: FakeClock) -> None:
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
    assert ended.stderr.count("probing continues") == 1
    left_open, recent = await reopen_journal(path, clock)
    assert [each.id for each in left_open] == ["before"]
    assert {each.id for each in recent} == {"before", "during-0", "during-1", "during-2", "after"}


async def test_a_disk_that_is_full_at_the_start_delays_the_accounting(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = JournalHarness(path, clock)
    await before.journal.start()
    await before.journal.write_run(RunState.PLANNED, build_open_run("a"))
    await before.journal.close()

    harness = JournalHarness(path, clock)
    with monkeypatch.context() as patched:
        patched.setattr("exporter.journal.sqlite.sqlite3.connect", _raise_disk_full)
        assert await harness.journal.start() == []
        await harness.journal.write_run(RunState.PLANNED, build_open_run("b"))
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("b"))
    assert [each.id for each in harness.journal.pop_interrupted_runs()] == ["a"]
    assert harness.journal.pop_interrupted_runs() == []
    await harness.journal.close()
    assert harness.failures == [JournalOperation.OPEN_RUN, JournalOperation.OPEN_RUN]
    assert {row[0]: row[1] for row in read_rows(path)} == {"a": "judged", "b": "cleaned"}


async def test_failures_are_logged_once_a_minute_at_most(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    harness = JournalHarness(path, clock)
    await harness.journal.start()

    monkeypatch.setattr(harness.journal._store, "write", _raise_disk_full)
    for _ in range(121):
        await harness.journal.write_run(RunState.PLANNED, build_open_run("a"))
        await clock.advance(1)
    assert caplog.text.count("probing continues") == 3
    assert len(harness.failures) == 121
    monkeypatch.undo()
    await harness.journal.close()


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["open", "sent", "cleaned"]), st.sampled_from("abc"), st.booleans()),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(operations=OPERATIONS)
def test_the_last_state_of_each_run_is_written_after_failures(
    operations: list[tuple[str, str, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    expected: dict[str, str] = {}

    async def play(monkeypatch: pytest.MonkeyPatch) -> None:
        harness = JournalHarness(path, FakeClock())
        await harness.journal.start()
        write = harness.journal._store.write

        for operation, run_id, works in operations:
            monkeypatch.setattr(
                harness.journal._store, "write", write if works else _raise_disk_full
            )
            if operation == "open":
                await harness.journal.write_run(RunState.PLANNED, build_open_run(run_id))
            elif operation == "sent":
                await harness.journal.write_run(RunState.SENT, build_open_run(run_id))
            else:
                await harness.journal.write_run(RunState.CLEANED, build_judged_run(run_id))
            expected[run_id] = {"open": "planned"}.get(operation, operation)
        monkeypatch.setattr(harness.journal._store, "write", write)
        await harness.journal.close()

    with pytest.MonkeyPatch.context() as patched:
        asyncio.run(play(patched))
    assert {row[0]: row[1] for row in read_rows(path)} == expected


async def test_the_size_is_bounded_whatever_state_runs_are_in(path: Path, clock: FakeClock) -> None:
    harness = JournalHarness(path, clock, keep_runs=100)
    await harness.journal.start()
    sizes = []
    for number in range(1500):
        left = (Leftover(LeftoverKind.LINEAR_ISSUE, f"{number:036}"),)
        state = (RunState.JUDGED, RunState.OBSERVED, RunState.CLEANED)[number % 3]
        await harness.journal.write_run(
            state, dataclasses.replace(build_judged_run(f"slo-probe-{number:032x}"), leftovers=left)
        )
        if number % 250 == 249:
            sizes.append(sum(each.stat().st_size for each in path.parent.iterdir()))
    await harness.journal.close()
    assert len(read_rows(path)) == 100
    assert sizes[-1] <= sizes[1]
    assert len(read_files(path.parent)[path.name]) < 200_000
