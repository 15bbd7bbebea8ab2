"""`python -m tests.campaign`: faults of events and of the process, compared with the truth."""

import asyncio
import contextlib
import os
import random
import resource
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import click
from prometheus_client.parser import text_string_to_metric_families

from exporter.devstack.stack import find_free_port
from exporter.journal.rows import RUN_COLUMNS, decode_run
from exporter.model.run import Run
from exporter.simulator.linear.server import LinearApi, serve_linear_api
from exporter.simulator.linear.settings import Settings as LinearSettings
from slos.schema.contract import PREFIX
from tests.benchmarks.probe.processes import ROOT
from tests.campaign import write_section
from tests.campaign.agent import FaultyAgent
from tests.campaign.faults import WHOLE, RunTimes
from tests.campaign.oracle import (
    CampaignResult,
    Disturbance,
    render_confusion,
    render_disturbances,
    render_seeds,
)

_CONFIG = """\
target: {{url: "{target}"}}
canary: {{listen: "127.0.0.1:{canary}"}}
web: {{listen: "127.0.0.1:0"}}
journal: {{path: journal.sqlite}}
log_level: error
observers:
  linear:
    url: "{linear}"
    key_file: linear.key
    requests_per_hour: 1000000
    every: 1s
    within: {within}ms
    linger: {linger}ms
probes:
  {probe}:
    interval: {interval}
    timeout: {timeout}ms
    late_after: {late_after}ms
    settle: {settle}ms
    max_send_lag: {max_send_lag}ms
    max_in_flight: {most}
"""
_COUNTERS = {
    "probe_runs_total": "verdict",
    "canary_requests_total": "outcome",
    "linear_issues_total": "count",
}


@dataclass
class _Prober:
    """`slo-probe run` and its last scrape."""

    process: asyncio.subprocess.Process
    web: str
    journal: Path
    scraped: str = ""
    """The last scrape."""
    judged: int = 0
    """Runs in the journal that had a verdict before the last scrape."""

    def count_judged(self) -> int:
        """Count the runs in the journal that have a verdict."""
        query = "SELECT count(*) FROM runs WHERE state NOT IN ('planned', 'sent')"
        with contextlib.closing(sqlite3.connect(self.journal, timeout=5)) as journal:
            return int(journal.execute(query).fetchone()[0])

    def read_memory(self) -> int:
        """Read the bytes of its address space."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[0])
        return pages * resource.getpagesize()

    async def scrape(self, client: aiohttp.ClientSession) -> None:
        """Read the metrics; those of a stopped or dying process stay as they were."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
            judged = self.count_judged()
            async with client.get(f"{self.web}/metrics") as reply:
                self.scraped = await reply.text()
            self.judged = judged


def _parse_counters(text: str) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix(PREFIX)
            if name in _COUNTERS and sample.value:
                found[name, sample.labels[_COUNTERS[name]]] += int(sample.value)
    return found


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Plan of one seed.

    Attributes:
        seed: seed of everything that is drawn.
        events: events to send, at least.
        interval: time between two, as text.
        pauses: shortest and longest time between two process faults, in seconds.
        faults: faults of events to draw from; all if empty.
        process_faults: faults of the process to draw from; all if empty.
        times: times of a run.
    """

    seed: int
    events: int
    interval: str = "100ms"
    pauses: tuple[float, float] = (6.0, 14.0)
    faults: Sequence[str] = ()
    process_faults: Sequence[str] = ()
    times: RunTimes = WHOLE


class Campaign:
    """One seed of a campaign.

    Args:
        plan: the plan.
        folder: folder of the prober.
    """

    def __init__(self, plan: CampaignPlan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._random = random.Random(plan.seed)
        self._canary = find_free_port()
        self.result = CampaignResult(
            plan.seed, plan.times, wall_offset=time.time() - time.monotonic()
        )
        self._prober: _Prober
        self._agent: FaultyAgent
        self._linear: LinearApi
        self._client: aiohttp.ClientSession
        self._lives = 0

    async def run(self) -> CampaignResult:
        """Run it to its end."""
        (self._folder / "linear.key").write_text("a stand-in takes any key")
        started = time.monotonic()
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as self._client,
            serve_linear_api(LinearSettings(keep_issues=1_000_000)) as self._linear,
            FaultyAgent(
                f"http://127.0.0.1:{self._canary}",
                self._linear.url,
                seed=self._plan.seed,
                faults=self._plan.faults,
            ).serve() as self._agent,
        ):
            self.result.ledger = self._agent.ledger
            await self._send_all()
            await self._agent.wait_for_events()
            await self._clean_up()
            self.result.leftovers += self._agent.errors
            self.result.open_issues = [
                str(issue["description"])
                for issue in self._linear.list_issues()
                if issue["archivedAt"] is None
            ]
        self.result.runs = self._read_runs()
        self.result.seconds = time.monotonic() - started
        return self.result

    async def _send_all(self) -> None:
        self._prober = await self._start_prober("sustained")
        scraping = asyncio.create_task(self._scrape_all_the_time())
        faults = self._list_faults()
        try:
            while len(self._agent.ledger) < self._plan.events:
                await asyncio.sleep(self._random.uniform(*self._plan.pauses))
                kind = self._random.choice(list(self._plan.process_faults or faults))
                started = time.monotonic()
                await faults[kind]()
                self.result.disturbances.append(Disturbance(kind, started, time.monotonic()))
        finally:
            scraping.cancel()
        await self._stop_prober()

    async def _clean_up(self) -> None:
        """Let a prober that sends next to nothing finish all runs, and end it."""
        self._prober = await self._start_prober("remediation", "1000h")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._count_unfinished():
            await self._prober.scrape(self._client)
            await asyncio.sleep(0.5)
        await self._stop_prober()
        for number in range(1, self._lives + 1):
            text = (self._folder / f"log-{number}").read_text()
            if "Traceback" in text:
                self.result.leftovers.append(f"a traceback: {text[-1500:]}")
        files = {path.name for path in self._folder.iterdir()}
        self.result.leftovers += sorted(
            name
            for name in files
            if not name.startswith(("journal.sqlite", "probe.yaml", "linear.key", "log-"))
            or "damaged" in name
        )

    def _list_faults(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "kill": self._kill,
            "stop below max_send_lag": lambda: self._suspend(self._random.uniform(0.2, 0.6)),
            "stop above max_send_lag": lambda: self._suspend(self._random.uniform(2.0, 4.0)),
            "starvation": self._starve,
            "disk full": self._fill_disk,
            "no free file": self._take_files,
            "no free memory": self._take_memory,
            "reload": self._reload,
        }

    async def _kill(self) -> None:
        await self._prober.scrape(self._client)
        self._prober.process.kill()
        await self._prober.process.wait()
        self._note_end()
        self._prober = await self._start_prober("sustained")

    async def _suspend(self, seconds: float) -> None:
        self._prober.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self._prober.process.send_signal(signal.SIGCONT)

    async def _starve(self) -> None:
        """Leave the process a tenth of the time."""
        for _ in range(10):
            await self._suspend(0.18)
            await asyncio.sleep(0.02)

    async def _fill_disk(self) -> None:
        size = max(path.stat().st_size for path in self._folder.glob("journal.sqlite*"))
        await self._limit(resource.RLIMIT_FSIZE, size, seconds=2.0)

    async def _take_files(self) -> None:
        count = len(os.listdir(f"/proc/{self._prober.process.pid}/fd"))  # noqa: PTH208 - a number
        await self._limit(resource.RLIMIT_NOFILE, count, seconds=2.0)

    async def _take_memory(self) -> None:
        size = self._prober.read_memory() + 2_000_000
        await self._limit(resource.RLIMIT_AS, size, seconds=2.0)

    async def _limit(self, kind: int, value: int, *, seconds: float) -> None:
        pid = self._prober.process.pid
        soft, hard = resource.prlimit(pid, kind)
        resource.prlimit(pid, kind, (value, hard))
        await asyncio.sleep(seconds)
        resource.prlimit(pid, kind, (soft, hard))

    async def _reload(self) -> None:
        async with self._client.post(f"{self._prober.web}/-/reload") as reply:
            if reply.status != 200:
                self.result.leftovers.append(f"reload: {await reply.text()}")

    async def _scrape_all_the_time(self) -> None:
        while True:
            await self._prober.scrape(self._client)
            if self._prober.process.returncode not in (None, -signal.SIGKILL):
                self.result.leftovers.append(f"ended by itself: {self._prober.process.returncode}")
                return
            await asyncio.sleep(1.0)

    async def _start_prober(self, probe: str, interval: str = "") -> _Prober:
        self._lives += 1
        file, log = self._folder / "probe.yaml", self._folder / f"log-{self._lives}"
        text = _CONFIG.format(
            target=self._agent.url,
            canary=self._canary,
            linear=self._linear.url,
            probe=probe,
            interval=interval or self._plan.interval,
            most=1 if interval else 900,
            **{name: round(seconds * 1000) for name, seconds in asdict(self._plan.times).items()},
        )
        file.write_text(text)
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "exporter.cli", "run", "--config", str(file),
                stdout=output, stderr=output, cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.returncode is None:
            for line in log.read_text().splitlines():
                if line.startswith("web listening on "):
                    web = line.removeprefix("web listening on ")
                    return _Prober(process, web, self._folder / "journal.sqlite")
            await asyncio.sleep(0.05)
        raise AssertionError(f"the prober does not serve:\n{log.read_text()[-2000:]}")

    async def _stop_prober(self) -> None:
        process = self._prober.process
        process.send_signal(signal.SIGTERM)
        while process.returncode is None:
            await self._prober.scrape(self._client)
            await asyncio.sleep(0.1)
        self._note_end()
        if process.returncode:
            self.result.leftovers.append(f"exit code {process.returncode}")

    def _note_end(self) -> None:
        self.result.counters += _parse_counters(self._prober.scraped)
        self.result.unseen += self._prober.count_judged() - self._prober.judged

    def _count_unfinished(self) -> int:
        return sum(state != "cleaned" for state, _ in self._read_runs())

    def _read_runs(self) -> list[tuple[str, Run]]:
        with contextlib.closing(sqlite3.connect(self._folder / "journal.sqlite")) as journal:
            query = f"SELECT state, {RUN_COLUMNS} FROM runs ORDER BY seq"  # noqa: S608 - constants
            rows = [(state, decode_run(*row)) for state, *row in journal.execute(query)]
        return [(state, run) for state, run in rows if run is not None]


@contextlib.asynccontextmanager
async def _temporary_folder() -> AsyncIterator[Path]:
    with TemporaryDirectory(prefix="campaign-") as folder:
        yield Path(folder)


async def run_campaign(plan: CampaignPlan) -> CampaignResult:
    """Run one seed."""
    async with _temporary_folder() as folder:
        return await Campaign(plan, folder).run()


@click.command()
@click.option("--seed", "seeds", type=int, multiple=True, default=range(1, 6), show_default="1-5")
@click.option("--events", type=int, default=2_000, show_default=True, help="Events of each seed.")
@click.option("--interval", default="50ms", show_default=True, help="Time between two events.")
def main(*, seeds: Sequence[int], events: int, interval: str) -> None:
    """Run a campaign, and write its section of the page."""
    results = []
    for seed in seeds:
        results.append(asyncio.run(run_campaign(CampaignPlan(seed, events, interval))))
        mismatches = results[-1].list_mismatches()
        click.echo(f"seed {seed}: {len(results[-1].ledger)} events, {len(mismatches)} mismatches")
        for mismatch in mismatches:
            click.echo(f"  seed {seed}: {mismatch}")
        text = _TEXT.format(
            events=events,
            load=os.getloadavg()[0],
            seeds=render_seeds(results),
            confusion=render_confusion(results),
            disturbances=render_disturbances(results),
        )
        write_section("Campaign", text)
    sys.exit(any(result.list_mismatches() for result in results))


_TEXT = """\
`make campaign EVENTS={events}`; with `SEED=1` one seed instead of five. A fault is drawn for each
event, and the process is disturbed as well. Verdicts, reasons, counters (summed over restarts) and
the stage times that the canary measured are compared with what the simulated agent-sre recorded.
The load average at the end was {load:.1f}. Events are `delayed` if the machine held the simulated
agent-sre up for over a second, so that its record leaves the verdict open. Clock steps need the
rights of root; `tests/exporter/test_clock_steps.py` tests them with a fake clock.

{seeds}
{disturbances}
{confusion}"""

if __name__ == "__main__":
    main()
