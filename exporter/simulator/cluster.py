"""Simulated cluster: a balancer, and one process of the simulator for each replica."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import aiohttp

from exporter.loadtest.scaling import ScaleError
from exporter.simulator.balancer import BACKENDS_PATH

_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 10.0
_LISTENING = "listening on "


@dataclass(frozen=True, slots=True)
class _Program:
    """Program that listens."""

    process: asyncio.subprocess.Process
    url: str

    @classmethod
    async def start(cls, *arguments: str) -> Self:
        """Start a Python program, and wait until it prints its address.

        Raises:
            ScaleError: it does not.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, stdout=asyncio.subprocess.PIPE,
            # Ctrl-C is for the prober, which stops its replicas after the last event.
            start_new_session=True,
        )  # fmt: skip
        line = b""
        if process.stdout is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_TIMEOUT):
                    line = await process.stdout.readline()
        text = line.decode(errors="replace").strip()
        if not text.startswith(_LISTENING):
            await _end_process(process)
            raise ScaleError(f"{arguments[0]} did not start: {text or 'no output'}")
        return cls(process, text.removeprefix(_LISTENING))


async def _end_process(process: asyncio.subprocess.Process) -> None:
    """End a process: ask, wait, and kill."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_TIMEOUT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


class SimulatedCluster:
    """Replicas of the simulator behind one address. It is a scaler of the scenarios.

    Args:
        balancer: the balancer.
        arguments: options of each simulator, without its address.
        session: HTTP session for the balancer and the replicas.
    """

    def __init__(
        self, balancer: _Program, arguments: Sequence[str], session: aiohttp.ClientSession
    ) -> None:
        self._balancer = balancer
        self._arguments = arguments
        self._session = session
        self._replicas: list[_Program] = []

    async def scale(self, replicas: int) -> None:
        """Start or end replicas until there are that many."""
        self._replicas = [each for each in self._replicas if each.process.returncode is None]
        missing = replicas - len(self._replicas)
        started = (self._start_replica() for _ in range(missing))
        self._replicas += await asyncio.gather(*started)
        surplus, self._replicas = self._replicas[replicas:], self._replicas[:replicas]
        await self._update_balancer()
        await asyncio.gather(*(_end_process(each.process) for each in surplus))

    async def count_ready(self) -> int:
        """Count the replicas that are ready."""
        return sum(await asyncio.gather(*map(self._is_ready, self._replicas)))

    async def read_work(self) -> Mapping[str, float]:
        """Read the events that each replica was given."""
        async with self._session.get(f"{self._balancer.url}{BACKENDS_PATH}") as reply:
            return {str(url): float(count) for url, count in (await reply.json()).items()}

    async def kill_replica(self) -> str | None:
        """Kill one replica."""
        if not self._replicas:
            return None
        killed = self._replicas[0]
        killed.process.kill()
        await killed.process.wait()
        return killed.url

    def list_processes(self) -> Mapping[str, int]:
        """List the process ids of the replicas, by URL."""
        return {each.url: each.process.pid for each in self._replicas}

    async def close(self) -> None:
        """End all processes."""
        programs = (*self._replicas, self._balancer)
        await asyncio.gather(*(_end_process(each.process) for each in programs))

    async def _start_replica(self) -> _Program:
        return await _Program.start(
            "exporter.simulator.agent_sre", "--listen", "127.0.0.1:0", *self._arguments
        )

    async def _is_ready(self, replica: _Program) -> bool:
        try:
            async with self._session.get(f"{replica.url}/ready") as reply:
                return reply.status == 200  # noqa: PLR2004 - HTTP
        except aiohttp.ClientError:
            return False

    async def _update_balancer(self) -> None:
        urls = [each.url for each in self._replicas]
        async with self._session.put(f"{self._balancer.url}{BACKENDS_PATH}", json=urls):
            pass


@contextlib.asynccontextmanager
async def open_simulated_cluster(
    listen: str, arguments: Sequence[str]
) -> AsyncIterator[SimulatedCluster]:
    """Open a cluster of one replica.

    Args:
        listen: address of the balancer, HOST:PORT.
        arguments: options of each simulator, without its address.

    Raises:
        ScaleError: it cannot be started.
    """
    async with aiohttp.ClientSession() as session:
        balancer = await _Program.start("exporter.simulator.balancer", "--listen", listen)
        cluster = SimulatedCluster(balancer, arguments, session)
        try:
            await cluster.scale(1)
            yield cluster
        finally:
            await cluster.close()
