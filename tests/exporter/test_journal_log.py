"""What was committed and is gone from SQLite's log is damage: SQLite itself would not say so."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.journal import State
from exporter.wal import has_lost
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import Desk, done, rows, run

_HEADER, _FRAME = 32, 24 + 4096


async def killed(path: Path, clock: FakeClock, *, runs: int = 30) -> Path:
    """The files of a journal as they were when its process was killed."""
    desk = Desk(path, clock)
    await desk.journal.start()
    for number in range(runs):
        await desk.journal.put(State.SENT, run(f"slo-probe-{number:032x}"))
        await desk.journal.put(State.CLEANED, done(f"slo-probe-{number:032x}"))
    await desk.journal.put(State.SENT, run("open"))
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


def broken_page(log: Path) -> None:
    change(log, _HEADER + 20 * _FRAME + 1000)


def broken_frame(log: Path) -> None:
    change(log, _HEADER + 20 * _FRAME + 9)


def cut(log: Path) -> None:
    log.write_bytes(log.read_bytes()[: _HEADER + 20 * _FRAME])


def emptied(log: Path) -> None:
    log.write_bytes(b"")


def gone(log: Path) -> None:
    log.unlink()


@pytest.mark.parametrize(
    "harm", [broken_header, broken_page, broken_frame, cut, emptied, gone]
)  # fmt: skip
async def test_a_log_that_lost_commits_is_set_aside(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path], None],
) -> None:  # fmt: skip
    left = await killed(path, clock)
    harm(beside(left, "-wal"))
    kept = {each.name: each.read_bytes() for each in left.parent.iterdir()}
    desk = Desk(left, clock)
    assert await desk.journal.start() == []
    await desk.journal.put(State.CLEANED, done("new"))
    await desk.journal.close()
    aside = left.with_name("journal.sqlite.damaged-1")
    assert desk.journal.set_aside == [aside]
    assert f"set aside as {aside}" in caplog.text
    for name, content in kept.items():
        assert left.with_name(name.replace(left.name, aside.name)).read_bytes() == content
    assert rows(left) == [("new", "cleaned", "ok")]


async def test_a_kill_alone_is_no_damage(path: Path, clock: FakeClock) -> None:
    left = await killed(path, clock)
    desk = Desk(left, clock)
    assert [orphan.id for orphan in await desk.journal.start()] == ["open"]
    await desk.journal.close()
    assert desk.journal.set_aside == []


@pytest.mark.parametrize("index", [b"", b"\x00" * 32_768, b"\xa5" * 32_768])
async def test_a_log_without_an_index_counts(path: Path, clock: FakeClock, index: bytes) -> None:
    left = await killed(path, clock)
    beside(left, "-shm").write_bytes(index)
    desk = Desk(left, clock)
    assert [orphan.id for orphan in await desk.journal.start()] == ["open"]
    await desk.journal.close()
    assert desk.journal.set_aside == []


@pytest.mark.parametrize("harm", [broken_header, cut, gone])
def test_a_checkpointed_log_may_be_gone(path: Path, harm: Callable[[Path], None]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (a)")
    for number in range(30):
        connection.execute("INSERT INTO t VALUES (?)", ("x" * 3000 + str(number),))
    log = beside(path, "-wal").read_bytes()
    harm(beside(path, "-wal"))
    assert has_lost(path)
    beside(path, "-wal").write_bytes(log)
    assert not has_lost(path)
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    harm(beside(path, "-wal"))
    assert not has_lost(path)
    connection.close()
