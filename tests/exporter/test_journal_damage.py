"""The journal with damaged files: what is set aside, and what is still read."""

import asyncio
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.journal.rows import RunState
from tests.exporter.environment import ProberProcess
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_harness import (
    JournalHarness,
    build_judged_run,
    build_open_run,
    execute_sql,
    read_files,
    read_rows,
)
from tests.exporter.slo_probe import start_program, wait_until, write_config

_CONTENTS: dict[int, bytes] = {}
"""Content of a filled journal, by the number of its runs."""


async def fill_journal(path: Path, clock: FakeClock, *, runs: int = 400) -> bytes:
    """Write a journal with a number of runs; return its content."""
    if runs not in _CONTENTS:
        harness = JournalHarness(path, clock)
        await harness.journal.start()
        for number in range(runs):
            await harness.journal.write_run(
                RunState.CLEANED, build_judged_run(f"slo-probe-{number:032x}")
            )
        await harness.journal.write_run(RunState.SENT, build_open_run("open"))
        await harness.journal.close()
        _CONTENTS[runs] = read_files(path.parent)[path.name]
    overwrite_file(path, _CONTENTS[runs])
    assert len(_CONTENTS[runs]) > 20_000
    return _CONTENTS[runs]


def flip_bytes(content: bytes, *, seed: int, amount: int) -> bytes:
    """Invert some bytes, none of them in the SQLite header."""
    chance, bad = random.Random(seed), bytearray(content)
    start = chance.randrange(100, len(bad) - amount)
    for place in range(start, start + amount):
        bad[place] ^= 0xFF
    return bytes(bad)


def read_old_runs(path: Path) -> list[tuple[object, ...]]:
    """Read all columns of the runs that `fill_journal` wrote."""
    connection = sqlite3.connect(path)
    try:
        query = "SELECT * FROM runs WHERE id LIKE 'slo-probe-%' ORDER BY seq"
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def overwrite_file(path: Path, content: bytes, *, at: int | None = None) -> None:
    """Overwrite a file, or a part of it."""
    if at is None:
        path.write_bytes(content)
        return
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


async def restart_and_finish_run(path: Path, clock: FakeClock) -> JournalHarness:
    """Start with the existing files, and write a run to its end."""
    harness = JournalHarness(path, clock)
    await harness.journal.start()
    await harness.journal.write_run(RunState.PLANNED, build_open_run("new"))
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("new"))
    await harness.journal.close()
    assert harness.failures == []
    assert read_rows(path)[-1] == ("new", "cleaned", "ok")
    return harness


@pytest.mark.parametrize("seed", range(15))
async def test_a_journal_with_flipped_bytes_is_set_aside_unchanged(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    content = await fill_journal(path, clock)
    before = read_old_runs(path)
    content = flip_bytes(content, seed=seed, amount=600)
    overwrite_file(path, content)
    harness = await restart_and_finish_run(path, clock)
    if not harness.journal.damaged_files:  # then they hit what is not in use, and nothing is lost
        assert read_old_runs(path) == before
        return
    aside = path.with_name("journal.sqlite.damaged-1")
    assert harness.journal.damaged_files == [aside]
    assert aside.read_bytes() == content
    assert f"renamed to {aside}" in caplog.text
    assert [row[0] for row in read_rows(path)] == ["new"]


@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
async def test_a_truncated_journal_is_set_aside(path: Path, clock: FakeClock, part: float) -> None:
    content = await fill_journal(path, clock)
    content = content[: int(len(content) * part)]
    overwrite_file(path, content)
    harness = await restart_and_finish_run(path, clock)
    assert [each.read_bytes() for each in harness.journal.damaged_files] == [content]


@pytest.mark.parametrize("seed", range(15))
async def test_a_flipped_byte_does_not_stop_the_journal(
    path: Path, clock: FakeClock, seed: int
) -> None:
    overwrite_file(path, flip_bytes(await fill_journal(path, clock, runs=100), seed=seed, amount=1))
    await restart_and_finish_run(path, clock)


async def test_damaged_files_are_numbered(path: Path, clock: FakeClock) -> None:
    kept = []
    for _ in range(3):
        content = await fill_journal(path, clock)
        content = content[: len(content) // 2]
        overwrite_file(path, content)
        kept.append(content)
        await restart_and_finish_run(path, clock)
    names = [path.with_name(f"journal.sqlite.damaged-{number}") for number in range(1, 4)]
    assert [name.read_bytes() for name in names] == kept


@pytest.mark.parametrize("header", [b"\x00" * 16, b"\xa5" * 100, b"\x00"])
async def test_a_broken_header_is_set_aside(path: Path, clock: FakeClock, header: bytes) -> None:
    whole = await fill_journal(path, clock)
    content = header + whole[len(header) :] if len(header) > 1 else header
    overwrite_file(path, content)
    harness = await restart_and_finish_run(path, clock)
    assert [each.read_bytes() for each in harness.journal.damaged_files] == [content]


async def test_later_damage_is_found_at_start(path: Path, clock: FakeClock) -> None:
    await fill_journal(path, clock)
    harness = JournalHarness(path, clock)
    await harness.journal.start()
    overwrite_file(path, b"\xa5" * 12_000, at=8192)
    for number in range(20):
        await harness.journal.write_run(RunState.CLEANED, build_judged_run(f"later-{number}"))
    await harness.journal.close()
    await restart_and_finish_run(path, clock)
    assert path.with_name("journal.sqlite.damaged-1").exists()


async def test_a_damaged_journal_is_logged_and_counted(
    tmp_path: Path, agent: FakeAgent, clock: FakeClock
) -> None:
    path = tmp_path / "journal.sqlite"
    content = await fill_journal(path, clock)
    overwrite_file(path, content[: len(content) // 2])
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


async def copy_killed_journal(path: Path, clock: FakeClock, *, checkpoint: bool = False) -> Path:
    """Copy the files of an open journal, as a kill of its process leaves them."""
    harness = JournalHarness(path, clock)
    await harness.journal.start()
    for number in range(30):
        await harness.journal.write_run(RunState.SENT, build_open_run(f"slo-probe-{number:032x}"))
        await harness.journal.write_run(
            RunState.CLEANED, build_judged_run(f"slo-probe-{number:032x}")
        )
    await harness.journal.write_run(RunState.SENT, build_open_run("open"))
    if checkpoint:
        execute_sql(path, "PRAGMA wal_checkpoint(PASSIVE)")
    left = path.parent / "left"
    left.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, left)
    await harness.journal.close()
    return left / path.name


def add_suffix(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def flip_byte(log: Path, place: int) -> None:
    content = bytearray(log.read_bytes())
    content[place] ^= 0xFF
    log.write_bytes(content)


def break_header(log: Path) -> None:
    flip_byte(log, 0)


def truncate_log(log: Path) -> None:
    log.write_bytes(log.read_bytes()[: _HEADER + 20 * _FRAME])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "broken_header": break_header,
    "broken_page": lambda log: flip_byte(log, _HEADER + 20 * _FRAME + 1000),
    "broken_frame": lambda log: flip_byte(log, _HEADER + 20 * _FRAME + 9),
    "cut": truncate_log,
    "emptied": lambda log: log.write_bytes(b""),
    "gone": Path.unlink,
}


@pytest.mark.parametrize(
    "damage", DAMAGES.values(), ids=DAMAGES
)  # fmt: skip
async def test_a_log_that_lost_commits_is_set_aside(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], object],
) -> None:  # fmt: skip
    left = await copy_killed_journal(path, clock)
    damage(add_suffix(left, "-wal"))
    kept = {each.name: each.read_bytes() for each in left.parent.iterdir()}
    harness = JournalHarness(left, clock)
    assert await harness.journal.start() == []
    await harness.journal.write_run(RunState.CLEANED, build_judged_run("new"))
    await harness.journal.close()
    aside = left.with_name("journal.sqlite.damaged-1")
    assert harness.journal.damaged_files == [aside]
    assert f"renamed to {aside}" in caplog.text
    del kept[f"{left.name}-shm"]  # SQLite makes it anew from the log
    for name, content in kept.items():
        assert left.with_name(name.replace(left.name, aside.name)).read_bytes() == content
    assert read_rows(left) == [("new", "cleaned", "ok")]


async def test_a_killed_journal_is_not_set_aside(path: Path, clock: FakeClock) -> None:
    left = await copy_killed_journal(path, clock)
    harness = JournalHarness(left, clock)
    assert [run.id for run in await harness.journal.start()] == ["open"]
    await harness.journal.close()
    assert harness.journal.damaged_files == []


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
    left = await copy_killed_journal(path, clock)
    harness = JournalHarness(left, clock)
    await harness.journal.start()
    command = [sys.executable, "-c", LOCKING, str(add_suffix(left, "-shm"))]
    other = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert other.stdout.split() == [b"in", b"use"]
    await harness.journal.close()


@pytest.mark.parametrize("index", [b"", b"\x00" * 32_768, b"\xa5" * 32_768])
async def test_a_log_without_an_index_is_read(path: Path, clock: FakeClock, index: bytes) -> None:
    left = await copy_killed_journal(path, clock)
    add_suffix(left, "-shm").write_bytes(index)
    harness = JournalHarness(left, clock)
    assert [run.id for run in await harness.journal.start()] == ["open"]
    await harness.journal.close()
    assert harness.journal.damaged_files == []


@pytest.mark.parametrize(
    ("damage", "is_lost"), [(break_header, False), (Path.unlink, False), (truncate_log, True)]
)
async def test_a_log_that_was_written_into_the_database_may_be_gone_but_not_cut(
    path: Path, clock: FakeClock, damage: Callable[[Path], object], *, is_lost: bool
) -> None:
    left = await copy_killed_journal(path, clock, checkpoint=True)
    damage(add_suffix(left, "-wal"))
    harness = JournalHarness(left, clock)
    found = [run.id for run in await harness.journal.start()]
    await harness.journal.close()
    assert found == ([] if is_lost else ["open"])
    assert bool(harness.journal.damaged_files) == is_lost


@pytest.mark.parametrize("size", [0, 1])
async def test_a_database_without_pages_and_with_a_log_is_set_aside(
    path: Path, clock: FakeClock, size: int
) -> None:
    left = await copy_killed_journal(path, clock)
    left.write_bytes(b"\0" * size)
    harness = JournalHarness(left, clock)
    assert await harness.journal.start() == []
    await harness.journal.close()
    assert len(harness.journal.damaged_files) == 1
