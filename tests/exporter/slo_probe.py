"""Helpers that start slo-probe and Prometheus as processes."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import requests

from exporter.devstack import stack
from exporter.devstack.stack import find_binary
from tests.exporter.forked_program import ForkedProgram, fork_program

ROOT = Path(__file__).parents[2]


@dataclass
class ProcessResult:
    """Output and exit code of a program."""

    code: int
    out: str
    err: str


Process: TypeAlias = asyncio.subprocess.Process | ForkedProgram


async def start_program(*arguments: str, root: Path = ROOT) -> Process:
    """Start it from the packages of a folder; that of this repository is imported once only."""
    if root == ROOT:
        return await fork_program(*arguments)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "exporter.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )


async def wait_for_end(process: Process, *, seconds: float = 30) -> ProcessResult:
    async with asyncio.timeout(seconds):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err, err.decode()
    return ProcessResult(process.returncode, out.decode(), err.decode())


async def run_program(*arguments: str, root: Path = ROOT) -> ProcessResult:
    """Run it to the end."""
    return await wait_for_end(await start_program(*arguments, root=root))


@dataclass
class RunningProber:
    """`slo-probe run` that serves."""

    process: Process
    canary: str
    web: str

    async def stop(self) -> ProcessResult:
        self.process.send_signal(signal.SIGTERM)
        return await wait_for_end(self.process)


@contextlib.asynccontextmanager
async def run_prober(config: Path, *, root: Path = ROOT) -> AsyncIterator[RunningProber]:
    """Start `run` and wait until it serves; whatever happens, it is gone afterwards."""
    process = await start_program("run", "--config", str(config), root=root)
    try:
        assert process.stdout is not None
        urls: dict[str, str] = {}
        async with asyncio.timeout(30):
            while len(urls) < 2 and (line := await process.stdout.readline()):
                name, _, url = line.decode().strip().partition(" listening on ")
                urls[name] = url
        if len(urls) < 2:
            raise AssertionError(await wait_for_end(process))
        yield RunningProber(process, urls["canary"], urls["web"])
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def write_config(
    folder: Path, target: str, *, canary: int = 0, probe: str = "", sections: str = ""
) -> Path:
    """A configuration for a test: loopback, free ports, short times."""
    file = folder / "probe.yaml"
    times = "interval: 300ms, timeout: 250ms, settle: 20ms, late_after: 200ms, max_send_lag: 5s"
    file.write_text(
        f"""\
target: {{url: "{target}"}}
canary: {{listen: "127.0.0.1:{canary}"}}
web: {{listen: "127.0.0.1:0"}}
journal: {{path: journal.sqlite}}
probes:
  remediation: {{{probe or times}}}
{sections}
"""
    )
    return file


async def wait_until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 20.0) -> None:
    """Wait until something holds; ask again and again, but not for ever."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.02)


@contextlib.contextmanager
def run_prometheus(
    folder: Path,
    job: str,
    target: str | None = None,
    *,
    holds: str = "up == 1",
    sections: Mapping[str, object] | None = None,
) -> Iterator[str]:
    """The address of a real Prometheus, which scrapes a target or itself every second.

    Args:
        folder: for its files.
        job: the label of what it scrapes.
        target: host and port; without, it scrapes itself.
        holds: a query that has a result before the body begins.
        sections: more of its configuration.
    """
    program, address = find_binary("prometheus"), f"127.0.0.1:{stack.find_free_port()}"
    assert program, "Prometheus is missing; run: make tools"
    scraped = {"job_name": job, "static_configs": [{"targets": [target or address]}]}
    intervals = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config = {"global": intervals, "scrape_configs": [scraped], **(sections or {})}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    child = stack.start_process(
        "prometheus",
        [program, f"--config.file={folder / 'prometheus.yml'}",
         f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}",
         # Alerts that fire before the Alertmanager is discovered are sent again soon.
         "--rules.alert.resend-delay=1s"],
        folder=folder,
    )  # fmt: skip

    def ready() -> bool:
        query = {"query": holds}
        answer = requests.get(f"http://{address}/api/v1/query", params=query, timeout=5)
        return answer.ok and bool(answer.json()["data"]["result"])

    try:
        child.wait_for(ready)
        yield f"http://{address}"
    finally:
        child.stop()
