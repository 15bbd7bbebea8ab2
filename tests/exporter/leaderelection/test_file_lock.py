"""Leader election with a file lock."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.leaderelection import LockError
from exporter.leaderelection.file import FileLock
from tests.exporter.slo_probe import ROOT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "slo-probe.lease"


@contextlib.asynccontextmanager
async def open_locks(file: Path, *names: str) -> AsyncIterator[list[FileLock]]:
    made = [FileLock(file, identity=name) for name in names]
    try:
        yield made
    finally:
        for lease in made:
            await lease.close()


def read_holder(file: Path) -> str:
    return file.read_text()


def move_away(file: Path, *, replaced: bool) -> None:
    file.rename(file.with_suffix(".old"))
    if replaced:
        file.touch()


async def test_the_first_holds_and_the_second_waits_until_it_is_given_up(file: Path) -> None:
    async with open_locks(file, "a", "b") as (a, b):
        assert await a.acquire_or_renew()
        assert read_holder(file) == "a\n"
        assert not await b.acquire_or_renew()
        await b.release()  # what another holds
        assert not await b.acquire_or_renew()
        assert await a.acquire_or_renew()
        await a.release()
        assert await b.acquire_or_renew()
        assert not await a.acquire_or_renew()
        assert read_holder(file) == "b\n"
        assert a.expires_at is b.expires_at is None


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_replaced_file_is_noticed(file: Path, *, replaced: bool) -> None:
    async with open_locks(file, "a", "b") as (a, b):
        assert await a.acquire_or_renew()
        assert not await b.acquire_or_renew()
        move_away(file, replaced=replaced)
        assert not await b.acquire_or_renew()
        assert not await a.acquire_or_renew()  # the old file is free now, and b looks twice
        assert [await b.acquire_or_renew() for _ in range(2)] == [False, True]
        assert not await a.acquire_or_renew()


async def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    async with open_locks(tmp_path / "gone" / "lease", "a") as (lease,):
        with pytest.raises(LockError, match="gone/lease: No such file or directory"):
            await lease.acquire_or_renew()
        (tmp_path / "gone").mkdir()
        assert await lease.acquire_or_renew()


async def test_a_full_disk_does_not_matter(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    async with open_locks(file, "a") as (lease,):
        assert await lease.acquire_or_renew()


class ElectorProcess:
    """A keeper in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def attempt(self) -> tuple[float, bool]:
        """What it says after its next attempt: when that was, and whether it may send."""
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
