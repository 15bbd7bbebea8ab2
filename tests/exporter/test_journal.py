"""The journal: writes, restarts, a full disk and damaged files."""

import asyncio
import contextlib
import dataclasses
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.journal.sqlite import JournalError, Row, RunState
from exporter.model.run import Leftover
from exporter.model.verdict import Reason
from slos.schema.contract import JournalOperation, LeftoverKind, Verdict
from tests.exporter.environment import ProberProcess
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_harness import (
    JournalHarness,
    build_judged_run,
    build_open_run,
    read_files,
    read_rows,
    reopen_journal,
)
from tests.exporter.slo_probe import ROOT, start_program, wait_until, write_config


@pytest.fixture
async def desk(path: Path, clock: FakeClock) -> AsyncIterator[JournalHarness]:
    made = JournalHarness(path, clock)
    await made.journal.start()
    yield made
    await made.journal.close()


async def test_a_run_is_on_disk_before_its_event_can_be_sent(
    desk: JournalHarness, path: Path
) -> None:
    await desk.journal.write_run(RunState.PLANNED, build_open_run("a"))
    assert read_rows(path) == [("a", "planned", "unknown")]
    await desk.journal.write_run(RunState.SENT, build_open_run("a"))
    assert read_rows(path) == [("a", "sent", "unknown")]
    await desk.journal.write_run(RunState.CLEANED, build_judged_run("a"))
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert await desk.journal.list_recent(10) == [build_judged_run("a")]


async def test_the_journal_finds_the_probe_of_a_run(desk: JournalHarness) -> None:
    await desk.journal.write_run(RunState.PLANNED, build_open_run("a"))
    assert await desk.journal.find_probe("a") == "remediation"
    assert await desk.journal.find_probe("b") is None


async def test_orphans_are_closed_once(path: Path, clock: FakeClock) -> None:
    desk = JournalHarness(path, clock)
    await desk.journal.start()
    await desk.journal.write_run(RunState.PLANNED, build_open_run("a"))
    await desk.journal.write_run(RunState.PLANNED, build_open_run("b"))
    await desk.journal.write_run(RunState.SENT, build_open_run("b"))
    await desk.journal.write_run(RunState.CLEANED, build_judged_run("c"))
    await desk.journal.close()

    orphans, recent = await reopen_journal(path, clock)
    assert [(each.id, each.verdict, each.reason) for each in orphans] == [
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
from exporter.journal.sqlite import RunState
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
    orphans, _ = await reopen_journal(path, clock)
    assert [each.id for each in orphans] == [f"run-{number}" for number in range(5)]


async def test_changes_are_written_in_batches(
    desk: JournalHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    write = desk.journal._store.write

    def counted(changed: Sequence[Row]) -> int:
        batches.append(len(changed))
        return write(changed)

    monkeypatch.setattr(desk.journal._store, "write", counted)
    puts = [
        desk.journal.write_run(RunState.PLANNED, build_open_run(f"slo-probe-{n}"))
        for n in range(200)
    ]
    await asyncio.gather(*puts)
    assert sum(batches) == 200
    assert len(batches) <= 3


async def test_open_runs_are_never_dropped(path: Path, clock: FakeClock) -> None:
    desk = JournalHarness(path, clock, keep_runs=3)
    await desk.journal.start()
    await desk.journal.write_run(RunState.PLANNED, build_open_run("open"))
    for number in range(10):
        await desk.journal.write_run(RunState.PLANNED, build_open_run(f"{number}"))
        await desk.journal.write_run(RunState.CLEANED, build_judged_run(f"{number}"))
    await desk.journal.close()
    assert [row[0] for row in read_rows(path)] == ["open", "7", "8", "9"]


def _sql(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


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
        _sql(path, content)
    else:
        await asyncio.to_thread(path.write_text, content)
    before = read_files(path.parent)
    with pytest.raises(JournalError, match=why):
        await JournalHarness(path, clock).journal.start()
    assert read_files(path.parent)[path.name] == before[path.name]


async def test_the_journal_is_locked(desk: JournalHarness, path: Path, clock: FakeClock) -> None:
    await desk.journal.write_run(RunState.PLANNED, build_open_run("a"))
    with pytest.raises(JournalError, match="another slo-probe"):
        await JournalHarness(path, clock).journal.start()
    await desk.journal.write_run(RunState.CLEANED, build_judged_run("a"))
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
    desk: JournalHarness, path: Path
) -> None:
    await desk.journal.write_run(RunState.CLEANED, build_judged_run("a"))
    await desk.journal.write_run(RunState.CLEANED, build_judged_run("b"))
    _sql(path, "UPDATE runs SET reason = 'of the future' WHERE id = 'b'")
    assert await desk.journal.list_recent(10) == [build_judged_run("a")]


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from exporter.journal.journal import Journal, create_open_run
from exporter.journal.sqlite import RunState
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


def _full(*_: object, **__: object) -> None:
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
    orphans, recent = await reopen_journal(path, clock)
    assert [each.id for each in orphans] == ["before"]
    assert {each.id for each in recent} == {"before", "during-0", "during-1", "during-2", "after"}


async def test_a_disk_that_is_full_at_the_start_delays_the_accounting(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = JournalHarness(path, clock)
    await before.journal.start()
    await before.journal.write_run(RunState.PLANNED, build_open_run("a"))
    await before.journal.close()

    desk = JournalHarness(path, clock)
    with monkeypatch.context() as patched:
        patched.setattr("exporter.journal.sqlite.sqlite3.connect", _full)
        assert await desk.journal.start() == []
        await desk.journal.write_run(RunState.PLANNED, build_open_run("b"))
    await desk.journal.write_run(RunState.CLEANED, build_judged_run("b"))
    assert [each.id for each in desk.journal.take_orphans()] == ["a"]
    assert desk.journal.take_orphans() == []
    await desk.journal.close()
    assert desk.failures == [JournalOperation.OPEN_RUN, JournalOperation.OPEN_RUN]
    assert {row[0]: row[1] for row in read_rows(path)} == {"a": "judged", "b": "cleaned"}


async def test_failures_are_logged_once_a_minute_at_most(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = JournalHarness(path, clock)
    await desk.journal.start()

    monkeypatch.setattr(desk.journal._store, "write", _full)
    for _ in range(121):
        await desk.journal.write_run(RunState.PLANNED, build_open_run("a"))
        await clock.advance(1)
    assert caplog.text.count("probing continues") == 3
    assert len(desk.failures) == 121
    monkeypatch.undo()
    await desk.journal.close()


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
        desk = JournalHarness(path, FakeClock())
        await desk.journal.start()
        write = desk.journal._store.write

        for operation, run_id, works in operations:
            monkeypatch.setattr(desk.journal._store, "write", write if works else _full)
            if operation == "open":
                await desk.journal.write_run(RunState.PLANNED, build_open_run(run_id))
            elif operation == "sent":
                await desk.journal.write_run(RunState.SENT, build_open_run(run_id))
            else:
                await desk.journal.write_run(RunState.CLEANED, build_judged_run(run_id))
            expected[run_id] = {"open": "planned"}.get(operation, operation)
        monkeypatch.setattr(desk.journal._store, "write", write)
        await desk.journal.close()

    with pytest.MonkeyPatch.context() as patched:
        asyncio.run(play(patched))
    assert {row[0]: row[1] for row in read_rows(path)} == expected


_CONTENTS: dict[int, bytes] = {}
"""Of journals that were filled once, by the number of their runs."""


async def filled(path: Path, clock: FakeClock, *, runs: int = 400) -> bytes:
    """A journal after so many runs; gives its content."""
    if runs not in _CONTENTS:
        desk = JournalHarness(path, clock)
        await desk.journal.start()
        for number in range(runs):
            await desk.journal.write_run(
                RunState.CLEANED, build_judged_run(f"slo-probe-{number:032x}")
            )
        await desk.journal.write_run(RunState.SENT, build_open_run("open"))
        await desk.journal.close()
        _CONTENTS[runs] = read_files(path.parent)[path.name]
    write(path, _CONTENTS[runs])
    assert len(_CONTENTS[runs]) > 20_000
    return _CONTENTS[runs]


def flipped(content: bytes, *, seed: int, amount: int) -> bytes:
    """The same with some bytes turned over, none of them in SQLite's own header."""
    chance, bad = random.Random(seed), bytearray(content)
    start = chance.randrange(100, len(bad) - amount)
    for place in range(start, start + amount):
        bad[place] ^= 0xFF
    return bytes(bad)


def everything(path: Path) -> list[tuple[object, ...]]:
    """All that is kept of the runs before, byte by byte."""
    connection = sqlite3.connect(path)
    try:
        query = "SELECT * FROM runs WHERE id LIKE 'slo-probe-%' ORDER BY seq"
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def write(path: Path, content: bytes, *, at: int | None = None) -> None:
    """Write a file anew, or a part of it."""
    if at is None:
        path.write_bytes(content)
        return
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


async def go_on(path: Path, clock: FakeClock) -> JournalHarness:
    """Start with what is there, and carry a run to its end."""
    desk = JournalHarness(path, clock)
    await desk.journal.start()
    await desk.journal.write_run(RunState.PLANNED, build_open_run("new"))
    await desk.journal.write_run(RunState.CLEANED, build_judged_run("new"))
    await desk.journal.close()
    assert desk.failures == []
    assert read_rows(path)[-1] == ("new", "cleaned", "ok")
    return desk


@pytest.mark.parametrize("seed", range(15))
async def test_a_journal_with_flipped_bytes_is_set_aside_unchanged(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    content = await filled(path, clock)
    before = everything(path)
    content = flipped(content, seed=seed, amount=600)
    write(path, content)
    desk = await go_on(path, clock)
    if not desk.journal.damaged_files:  # then they hit what is not in use, and nothing is lost
        assert everything(path) == before
        return
    aside = path.with_name("journal.sqlite.damaged-1")
    assert desk.journal.damaged_files == [aside]
    assert aside.read_bytes() == content
    assert f"renamed to {aside}" in caplog.text
    assert [row[0] for row in read_rows(path)] == ["new"]


@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
async def test_a_truncated_journal_is_set_aside(path: Path, clock: FakeClock, part: float) -> None:
    content = await filled(path, clock)
    content = content[: int(len(content) * part)]
    write(path, content)
    desk = await go_on(path, clock)
    assert [each.read_bytes() for each in desk.journal.damaged_files] == [content]


@pytest.mark.parametrize("seed", range(15))
async def test_a_flipped_byte_does_not_stop_the_journal(
    path: Path, clock: FakeClock, seed: int
) -> None:
    write(path, flipped(await filled(path, clock, runs=100), seed=seed, amount=1))
    await go_on(path, clock)


async def test_damaged_files_are_numbered(path: Path, clock: FakeClock) -> None:
    kept = []
    for _ in range(3):
        content = await filled(path, clock)
        content = content[: len(content) // 2]
        write(path, content)
        kept.append(content)
        await go_on(path, clock)
    names = [path.with_name(f"journal.sqlite.damaged-{number}") for number in range(1, 4)]
    assert [name.read_bytes() for name in names] == kept


@pytest.mark.parametrize("header", [b"\x00" * 16, b"\xa5" * 100, b"\x00"])
async def test_a_broken_header_is_set_aside(path: Path, clock: FakeClock, header: bytes) -> None:
    whole = await filled(path, clock)
    content = header + whole[len(header) :] if len(header) > 1 else header
    write(path, content)
    desk = await go_on(path, clock)
    assert [each.read_bytes() for each in desk.journal.damaged_files] == [content]


async def test_later_damage_is_found_at_start(path: Path, clock: FakeClock) -> None:
    await filled(path, clock)
    desk = JournalHarness(path, clock)
    await desk.journal.start()
    write(path, b"\xa5" * 12_000, at=8192)
    for number in range(20):
        await desk.journal.write_run(RunState.CLEANED, build_judged_run(f"later-{number}"))
    await desk.journal.close()
    await go_on(path, clock)
    assert path.with_name("journal.sqlite.damaged-1").exists()


async def test_the_size_is_bounded_whatever_state_runs_are_in(path: Path, clock: FakeClock) -> None:
    desk = JournalHarness(path, clock, keep_runs=100)
    await desk.journal.start()
    sizes = []
    for number in range(1500):
        left = (Leftover(LeftoverKind.LINEAR_ISSUE, f"{number:036}"),)
        state = (RunState.JUDGED, RunState.OBSERVED, RunState.CLEANED)[number % 3]
        await desk.journal.write_run(
            state, dataclasses.replace(build_judged_run(f"slo-probe-{number:032x}"), leftovers=left)
        )
        if number % 250 == 249:
            sizes.append(sum(each.stat().st_size for each in path.parent.iterdir()))
    await desk.journal.close()
    assert len(read_rows(path)) == 100
    assert sizes[-1] <= sizes[1]
    assert len(read_files(path.parent)[path.name]) < 200_000


async def test_a_damaged_journal_is_logged_and_counted(
    tmp_path: Path, agent: FakeAgent, clock: FakeClock
) -> None:
    path = tmp_path / "journal.sqlite"
    write(path, flipped(await filled(path, clock), seed=1, amount=600))
    process = await start_program("run", "--config", str(write_config(tmp_path, agent.url)))
    prober = ProberProcess(process)
    try:
        agent.canary = await prober.wait_for_url("canary")

        async def probing() -> bool:
            return (await prober.read_counter("probe_runs_total", "verdict"))["ok"] >= 2

        await wait_until(probing)
        assert (await prober.read_counter("journals_set_aside")).total() == 1
        done_ = await prober.stop()
    finally:
        if process.returncode is None:
            await prober.kill()
    assert re.search(
        r"ERROR .*damaged and renamed to \S+\.damaged-1; a new one was created", done_.err
    )
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM runs").fetchone()[0] >= 2
    connection.close()


_HEADER, _FRAME = 32, 24 + 4096


async def killed(path: Path, clock: FakeClock, *, checkpoint: bool = False) -> Path:
    """The files of a journal as they were when its process was killed."""
    desk = JournalHarness(path, clock)
    await desk.journal.start()
    for number in range(30):
        await desk.journal.write_run(RunState.SENT, build_open_run(f"slo-probe-{number:032x}"))
        await desk.journal.write_run(RunState.CLEANED, build_judged_run(f"slo-probe-{number:032x}"))
    await desk.journal.write_run(RunState.SENT, build_open_run("open"))
    if checkpoint:
        _sql(path, "PRAGMA wal_checkpoint(PASSIVE)")
    left = path.parent / "left"
    left.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, left)
    await desk.journal.close()
    return left / path.name


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def change(log: Path, place: int) -> None:
    content = bytearray(log.read_bytes())
    content[place] ^= 0xFF
    log.write_bytes(content)


def broken_header(log: Path) -> None:
    change(log, 0)


def cut(log: Path) -> None:
    log.write_bytes(log.read_bytes()[: _HEADER + 20 * _FRAME])


HARMS: dict[str, Callable[[Path], object]] = {
    "broken_header": broken_header,
    "broken_page": lambda log: change(log, _HEADER + 20 * _FRAME + 1000),
    "broken_frame": lambda log: change(log, _HEADER + 20 * _FRAME + 9),
    "cut": cut,
    "emptied": lambda log: log.write_bytes(b""),
    "gone": Path.unlink,
}


@pytest.mark.parametrize(
    "harm", HARMS.values(), ids=HARMS
)  # fmt: skip
async def test_a_log_that_lost_commits_is_set_aside(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path], object],
) -> None:  # fmt: skip
    left = await killed(path, clock)
    harm(beside(left, "-wal"))
    kept = {each.name: each.read_bytes() for each in left.parent.iterdir()}
    desk = JournalHarness(left, clock)
    assert await desk.journal.start() == []
    await desk.journal.write_run(RunState.CLEANED, build_judged_run("new"))
    await desk.journal.close()
    aside = left.with_name("journal.sqlite.damaged-1")
    assert desk.journal.damaged_files == [aside]
    assert f"renamed to {aside}" in caplog.text
    del kept[f"{left.name}-shm"]  # SQLite makes it anew from the log
    for name, content in kept.items():
        assert left.with_name(name.replace(left.name, aside.name)).read_bytes() == content
    assert read_rows(left) == [("new", "cleaned", "ok")]


async def test_a_killed_journal_is_not_set_aside(path: Path, clock: FakeClock) -> None:
    left = await killed(path, clock)
    desk = JournalHarness(left, clock)
    assert [orphan.id for orphan in await desk.journal.start()] == ["open"]
    await desk.journal.close()
    assert desk.journal.damaged_files == []


LOCKING = """
import fcntl, sys
with open(sys.argv[1], "r+b") as index:
    try:
        fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
    except BlockingIOError:
        print("in use")
"""


async def test_after_a_kill_the_index_is_locked_against_other_processes(
    path: Path, clock: FakeClock
) -> None:
    """Byte 128 marks an index in use. A reader that finds it unlocked truncates the index."""
    left = await killed(path, clock)
    desk = JournalHarness(left, clock)
    await desk.journal.start()
    command = [sys.executable, "-c", LOCKING, str(beside(left, "-shm"))]
    other = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert other.stdout.split() == [b"in", b"use"]
    await desk.journal.close()


@pytest.mark.parametrize("index", [b"", b"\x00" * 32_768, b"\xa5" * 32_768])
async def test_a_log_without_an_index_is_read(path: Path, clock: FakeClock, index: bytes) -> None:
    left = await killed(path, clock)
    beside(left, "-shm").write_bytes(index)
    desk = JournalHarness(left, clock)
    assert [orphan.id for orphan in await desk.journal.start()] == ["open"]
    await desk.journal.close()
    assert desk.journal.damaged_files == []


@pytest.mark.parametrize(
    ("harm", "is_lost"), [(broken_header, False), (Path.unlink, False), (cut, True)]
)
async def test_a_log_that_was_written_into_the_database_may_be_gone_but_not_cut(
    path: Path, clock: FakeClock, harm: Callable[[Path], object], *, is_lost: bool
) -> None:
    left = await killed(path, clock, checkpoint=True)
    harm(beside(left, "-wal"))
    desk = JournalHarness(left, clock)
    found = [orphan.id for orphan in await desk.journal.start()]
    await desk.journal.close()
    assert found == ([] if is_lost else ["open"])
    assert bool(desk.journal.damaged_files) == is_lost


@pytest.mark.parametrize("size", [0, 1])
async def test_a_database_without_pages_and_with_a_log_is_set_aside(
    path: Path, clock: FakeClock, size: int
) -> None:
    left = await killed(path, clock)
    left.write_bytes(b"\0" * size)
    desk = JournalHarness(left, clock)
    assert await desk.journal.start() == []
    await desk.journal.close()
    assert len(desk.journal.damaged_files) == 1
