"""A damaged journal is set aside whole and said; probing goes on with a new one."""

import dataclasses
import random
import re
import sqlite3
from pathlib import Path

import pytest

from exporter.journal import JournalError, State
from exporter.result import Leaving
from slos.schema.contract import Leavings
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.fake_clock import FakeClock
from tests.exporter.house import Prober
from tests.exporter.journal_desk import Desk, done, files, rows, run
from tests.exporter.program import config, start, until


async def filled(path: Path, clock: FakeClock, *, runs: int = 400) -> bytes:
    """A journal after so many runs; gives its content."""
    desk = Desk(path, clock)
    await desk.journal.start()
    for number in range(runs):
        await desk.journal.put(State.CLEANED, done(f"slo-probe-{number:032x}"))
    await desk.journal.put(State.SENT, run("open"))
    await desk.journal.close()
    content = files(path.parent)[path.name]
    assert len(content) > 20_000
    return content


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


async def go_on(path: Path, clock: FakeClock) -> Desk:
    """Start with what is there, and carry a run to its end."""
    desk = Desk(path, clock)
    await desk.journal.start()
    await desk.journal.put(State.PLANNED, run("new"))
    await desk.journal.put(State.CLEANED, done("new"))
    await desk.journal.close()
    assert desk.failures == []
    assert rows(path)[-1] == ("new", "cleaned", "ok")
    return desk


@pytest.mark.parametrize("seed", range(15))
async def test_after_flipped_bytes_probing_goes_on_and_the_damaged_file_is_kept_whole(
    path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    content = await filled(path, clock)
    before = everything(path)
    content = flipped(content, seed=seed, amount=600)
    write(path, content)
    desk = await go_on(path, clock)
    if not desk.journal.set_aside:  # then they hit what is not in use, and nothing is lost
        assert everything(path) == before
        return
    aside = path.with_name("journal.sqlite.damaged-1")
    assert desk.journal.set_aside == [aside]
    assert aside.read_bytes() == content
    assert f"set aside as {aside}" in caplog.text
    assert [row[0] for row in rows(path)] == ["new"]


@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
async def test_a_truncated_journal_is_set_aside(path: Path, clock: FakeClock, part: float) -> None:
    content = await filled(path, clock)
    content = content[: int(len(content) * part)]
    write(path, content)
    desk = await go_on(path, clock)
    assert [each.read_bytes() for each in desk.journal.set_aside] == [content]


@pytest.mark.parametrize("seed", range(15))
async def test_a_flipped_byte_stops_nothing(path: Path, clock: FakeClock, seed: int) -> None:
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
    assert [each.read_bytes() for each in desk.journal.set_aside] == [content]


@pytest.mark.parametrize("text", ["x", "target: {url: http://agent-sre/}\n", "\u00e4" * 4000])
async def test_a_text_stays_where_it_is(path: Path, clock: FakeClock, text: str) -> None:
    write(path, text.encode())
    with pytest.raises(JournalError, match="not a database; move it away"):
        await Desk(path, clock).journal.start()
    assert files(path.parent) == {path.name: text.encode()}


async def test_later_damage_is_found_at_start(path: Path, clock: FakeClock) -> None:
    await filled(path, clock)
    desk = Desk(path, clock)
    await desk.journal.start()
    write(path, b"\xa5" * 12_000, at=8192)
    for number in range(20):
        await desk.journal.put(State.CLEANED, done(f"later-{number}"))
    await desk.journal.close()
    await go_on(path, clock)
    assert path.with_name("journal.sqlite.damaged-1").exists()


async def test_the_size_is_bounded_whatever_state_runs_are_in(path: Path, clock: FakeClock) -> None:
    desk = Desk(path, clock, keep_runs=100)
    await desk.journal.start()
    sizes = []
    for number in range(3000):
        left = (Leaving(Leavings.LINEAR_ISSUE, f"{number:036}"),)
        state = (State.JUDGED, State.OBSERVED, State.CLEANED)[number % 3]
        await desk.journal.put(
            state, dataclasses.replace(done(f"slo-probe-{number:032x}"), leavings=left)
        )
        if number % 500 == 499:
            sizes.append(sum(each.stat().st_size for each in path.parent.iterdir()))
    await desk.journal.close()
    assert len(rows(path)) == 100
    assert sizes[-1] <= sizes[1]
    assert len(files(path.parent)[path.name]) < 200_000


async def test_the_log_and_gauge_say_so(tmp_path: Path, agent: FakeAgent, clock: FakeClock) -> None:
    path = tmp_path / "journal.sqlite"
    write(path, flipped(await filled(path, clock), seed=1, amount=600))
    process = await start("run", "--config", str(config(tmp_path, agent.url)))
    prober = Prober(process)
    try:
        agent.canary = await prober.url("canary")

        async def probing() -> bool:
            return (await prober.counts("probe_runs_total", "verdict"))["ok"] >= 2

        await until(probing)
        assert (await prober.counts("journals_set_aside")).total() == 1
        done_ = await prober.stop()
    finally:
        if process.returncode is None:
            await prober.kill()
    assert re.search(r"ERROR .*damaged; set aside as \S+\.damaged-1, a new one begun", done_.err)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM runs").fetchone()[0] >= 2
    connection.close()
