"""Leader election with a file lock."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from math import inf
from pathlib import Path

import pytest

from exporter.leaderelection import LockError
from exporter.leaderelection.file import FileLock
from tests.exporter.fake_clock import FakeClock
from tests.exporter.slo_probe import ROOT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "slo-probe.lease"


@contextlib.asynccontextmanager
async def open_locks(file: Path, *names: str) -> AsyncIterator[list[FileLock]]:
    made = [FileLock(file, identity=name, clock=FakeClock()) for name in names]
    try:
        yield made
    finally:
        for lease in made:
            await lease.close()


def read_holder(file: Path) -> str:
    return file.read_text()


async def test_the_first_holds_and_the_second_waits_until_it_is_given_up(file: Path) -> None:
    async with open_locks(file, "a", "b") as (a, b):
        assert await a.acquire_or_renew(-inf)
        assert read_holder(file) == "a\n"
        assert not await b.acquire_or_renew(-inf)
        await b.release()  # what another holds
        assert not await b.acquire_or_renew(-inf)
        assert await a.acquire_or_renew(-inf)
        await a.release()
        assert await b.acquire_or_renew(-inf)
        assert not await a.acquire_or_renew(-inf)
        assert read_holder(file) == "b\n"
        assert a.expires_at == b.expires_at == -inf


def remove(file: Path) -> None:
    file.unlink()


def move_away(file: Path) -> None:
    file.rename(file.with_suffix(".old"))


def replace_file(file: Path) -> None:
    move_away(file)
    file.touch()


def move_folder_away(file: Path) -> None:
    number = len(list(file.parent.parent.iterdir()))
    file.parent.rename(file.parent.with_suffix(f".old-{number}"))
    file.parent.mkdir()


TAKEN_AWAY = [remove, move_away, replace_file, move_folder_away]


@pytest.mark.parametrize("take_away", TAKEN_AWAY)
async def test_a_file_that_is_taken_away_is_counted_logged_and_locked_again(
    file: Path, take_away: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    counts: list[int] = []
    clock = FakeClock()
    lock = FileLock(file, identity="a", clock=clock, on_replaced=lambda: counts.append(1))
    assert await lock.acquire_or_renew(-inf)
    for taken in (1, 2):
        assert lock.is_intact()
        take_away(file)
        assert not lock.is_intact(), "nothing is sent until the next step"
        assert await lock.acquire_or_renew(-inf)
        assert len(counts) == taken
    assert caplog.text.count("was removed, replaced or moved while this prober held it") == 2
    assert read_holder(file) == "a\n"
    await lock.close()


@pytest.mark.parametrize("take_away", TAKEN_AWAY)
@pytest.mark.parametrize("first", ["the holder", "the standby", "a newcomer"])
async def test_a_file_that_is_taken_away_has_one_holder(
    file: Path, take_away: Callable[[Path], None], first: str
) -> None:
    async with open_locks(file, "a", "b", "c") as (a, b, c):
        assert await a.acquire_or_renew(-inf)
        assert not await b.acquire_or_renew(-inf)
        take_away(file)
        order = {"the holder": (a, b, c), "the standby": (b, a, c), "a newcomer": (c, a, b)}[first]
        assert [bool(await lock.acquire_or_renew(-inf)) for lock in order] == [True, False, False]
        for lock in order[1:]:
            assert not await lock.acquire_or_renew(-inf)


async def test_a_file_that_is_replaced_between_opening_and_locking_is_not_held(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_file = fcntl.flock

    def replace_and_lock(number: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock_file)
        replace_file(file)
        lock_file(number, operation)

    async with open_locks(file, "a", "b") as (a, b):
        monkeypatch.setattr(fcntl, "flock", replace_and_lock)
        assert not await a.acquire_or_renew(-inf)
        assert await b.acquire_or_renew(-inf)
        assert not await a.acquire_or_renew(-inf)


async def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    async with open_locks(tmp_path / "gone" / "lease", "a") as (lease,):
        with pytest.raises(LockError, match="gone/lease: No such file or directory"):
            await lease.acquire_or_renew(-inf)
        (tmp_path / "gone").mkdir()
        assert await lease.acquire_or_renew(-inf)


async def test_a_full_disk_does_not_matter(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    async with open_locks(file, "a") as (lease,):
        assert await lease.acquire_or_renew(-inf)


class ElectorProcess:
    """A keeper in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def attempt(self) -> tuple[float, bool]:
        """Result of its next attempt: its time, and whether it may send."""
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            line = await self._process.stdout.readline()
        at, holding = line.decode().split()
        return float(at), holding == "True"

    async def holding_at(self) -> float:
        """Wait until it may send; gives the time."""
        async with asyncio.timeout(20):
            while True:
                at, holding = await self.attempt()
                if holding:
                    return at

    def signal(self, number: signal.Signals) -> float:
        self._process.send_signal(number)
        return time.monotonic()

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()


@contextlib.asynccontextmanager
async def start_two_processes(file: Path) -> AsyncIterator[tuple[ElectorProcess, ElectorProcess]]:
    """Two of them; the first one holds."""
    made: list[ElectorProcess] = []
    try:
        for _ in range(2):
            started = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.exporter.leaderelection.lease_process", str(file)),
                stdout=asyncio.subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
            made.append(ElectorProcess(started))
            await (made[0].holding_at() if len(made) == 1 else made[1].attempt())
        yield made[0], made[1]
    finally:
        for process in made:
            await process.end()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_takeover_after_an_end(file: Path, number: signal.Signals) -> None:
    async with start_two_processes(file) as (first, second):
        for _ in range(3):
            assert (await second.attempt())[1] is False
        killed_at = first.signal(number)
        took_over_at = await second.holding_at()
        assert killed_at <= took_over_at < killed_at + 15  # the renew deadline is 30 s


async def test_a_hanging_process_keeps_its_lease(file: Path) -> None:
    async with start_two_processes(file) as (first, second):
        first.signal(signal.SIGSTOP)
        attempts = [(await second.attempt())[1] for _ in range(10)]
        assert attempts == [False] * 10
        first.signal(signal.SIGCONT)
        assert (await first.attempt())[1]
