"""Environment of slo-probe as a process: stand-ins for agent-sre and Linear, and its files."""

import asyncio
import contextlib
import json
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from exporter.devstack.stack import find_free_port
from exporter.simulator.agent_sre.server import Simulator, serve_simulator
from exporter.simulator.agent_sre.settings import Settings as AgentSettings
from exporter.simulator.linear.server import LinearApi, serve_linear_api
from exporter.simulator.linear.settings import Settings as ApiSettings
from tests.exporter.journal_harness import read_rows
from tests.exporter.slo_probe import Process, ProcessResult, start_program, wait_for_end

KEY = "lin_api_planted5ecret"
_PREFIX = "agent_sre_validation_"
Settings = dict[str, Any]


@dataclass
class ProberProcess:
    """Process of `slo-probe run`."""

    process: Process
    output_lines: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def kill_at_end(self) -> AsyncIterator["ProberProcess"]:
        """Wait until the pages are served, and kill the process at the end if it still runs."""
        try:
            await self.wait_for_url("web")
            yield self
        finally:
            if self.process.returncode is None:
                await self.kill()

    async def wait_for_url(self, name: str) -> str:
        """Wait until a listener serves; return its URL."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            while True:
                for line in self.output_lines:
                    if line.startswith(f"{name} listening on "):
                        return line.partition(" listening on ")[2].partition(",")[0]
                line_bytes = await self.process.stdout.readline()
                if not line_bytes:
                    raise AssertionError(await wait_for_end(self.process))
                self.output_lines.append(line_bytes.decode().strip())

    async def get_page(self, page: str, login: str | None = None) -> tuple[int, str]:
        url = await self.wait_for_url("web")
        async with (
            aiohttp.ClientSession(headers=build_auth_headers(login)) as client,
            client.get(f"{url}{page}") as reply,
        ):
            return reply.status, await reply.text()

    async def read_counter(self, name: str, label: str | None = None) -> Counter[str]:
        """Read the samples of a metric that are not zero, by the value of a label."""
        _, text = await self.get_page("/metrics")
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == _PREFIX + name and sample.value:
                    found[sample.labels[label] if label else ""] += int(sample.value)
        return found

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.communicate()

    async def stop(self) -> ProcessResult:
        self.send_signal(signal.SIGTERM)
        return await wait_for_end(self.process)


@dataclass
class ProberEnvironment:
    """Stand-ins for agent-sre and Linear, and the folder of the prober."""

    folder: Path
    agent: Simulator
    linear: LinearApi
    canary: int
    settings: Settings

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite"

    def count_states(self) -> Counter[str]:
        """Count the runs of the journal by state."""
        try:
            return (
                Counter(row[1] for row in read_rows(self.journal))
                if self.journal.exists()
                else Counter()
            )
        except sqlite3.OperationalError:  # it has no table yet
            return Counter()

    def list_open_issues(self) -> list[str]:
        """List the titles of the open issues."""
        return [each["title"] for each in self.linear.list_issues() if each["archivedAt"] is None]

    def write_config(self, name: str = "probe.yaml", /, **changes: object) -> Path:
        """Write the configuration, with other values for some sections."""
        file = self.folder / name
        file.write_text(json.dumps({**self.settings, **changes}))
        return file

    @contextlib.asynccontextmanager
    async def run_prober(self, file: Path | None = None) -> AsyncIterator[ProberProcess]:
        """Run the program for the time of the block."""
        prober = ProberProcess(
            await start_program("run", "--config", str(file or self.write_config()))
        )
        try:
            yield prober
        except Exception as e:
            if prober.process.returncode is None:
                prober.process.kill()
            _, err = await prober.process.communicate()
            ended = f"slo-probe ended with {prober.process.returncode}"
            e.add_note(f"{ended}; its log ends with:\n{err.decode()[-4000:]}")
            raise
        finally:
            if prober.process.returncode is None:
                await prober.kill()


def build_auth_headers(login: str | None) -> dict[str, str]:
    """Build the header of a login that is already in base64."""
    return {"Authorization": f"Basic {login}"} if login else {}


def build_remediation(interval: str, **more: object) -> Settings:
    times = {"timeout": "10s", "late_after": "9s", "settle": "50ms", "max_send_lag": "8s"}
    return {"remediation": {"interval": interval, "max_in_flight": 900, **times, **more}}


RARE_REMEDIATION = build_remediation("1000h", max_in_flight=1)


@contextlib.asynccontextmanager
async def run_environment(
    folder: Path, *, agent: Settings | None = None, **observer: object
) -> AsyncIterator[ProberEnvironment]:
    """Run everything but the prober. Times are short, and Linear may be queried often.

    Args:
        folder: folder of the prober.
        agent: other settings of the stand-in for agent-sre; without, it is infinitely fast.
        observer: other settings of the observer of Linear.
    """
    canary = find_free_port()
    (folder / "key").write_text(KEY)
    async with (
        serve_linear_api(ApiSettings(key=KEY)) as linear,
        serve_simulator(
            AgentSettings(
                function_url=f"http://127.0.0.1:{canary}/",
                linear_url=linear.url,
                linear_key=KEY,
                **{"capacity": 0, **(agent or {})},
            )
        ) as simulator,
    ):
        often = {"every": "200ms", "within": "3s", "linger": "1s", "requests_per_hour": 1_000_000}
        settings = {
            "target": {"url": f"{simulator.url}/"},
            "canary": {"listen": f"127.0.0.1:{canary}"},
            "web": {"listen": "127.0.0.1:0"},
            "journal": {"path": "journal.sqlite"},
            "shutdown_grace": "1s",
            "lease": {"kind": "file", "retry": "200ms", "renew_deadline": "2s", "duration": "3s"},
            "observers": {"linear": {"url": linear.url, "key_file": "key", **often, **observer}},
            "probes": build_remediation("100ms"),
        }
        yield ProberEnvironment(folder, simulator, linear, canary, settings)


async def wait_until(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Poll until a condition holds, within a time limit."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.02)


async def stop_when(
    prober: ProberProcess, condition: Callable[[], bool], *, seconds: float = 40.0
) -> None:
    """Stop the process with SIGSTOP at a moment at which a condition holds."""
    async with asyncio.timeout(seconds):
        while True:
            prober.send_signal(signal.SIGSTOP)
            await wait_until(lambda: _read_process_state(prober.process.pid) == "T")
            if condition():
                return
            prober.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.007)


def _read_process_state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
