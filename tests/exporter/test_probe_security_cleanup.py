"""What hostile alerts make an agent open in Linear is found and archived, every issue of it."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from exporter.clock import SystemClock
from exporter.courier import Turn
from exporter.fields import Address
from exporter.listen import bind
from exporter.observers import LateObserver, linear
from exporter.probes.security import Security, Settings
from exporter.simulator.linear_api.server import running_linear_api
from exporter.simulator.server import running_simulator
from exporter.simulator.settings import Settings as Simulated
from slos.schema.contract import Leavings, Source
from slos.schema.units import Duration
from tests.exporter.bench import prober
from tests.exporter.canary_names import Names
from tests.exporter.linear.desk import KEY

DECOY = 8082
QUICK = {
    "every": Duration(50),
    "within": Duration.of(seconds=10),
    "linger": Duration.of(seconds=1),
    "requests_per_hour": 1_000_000,
}


async def test_hostile_issues_are_archived(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", KEY)
    names = Names(monkeypatch)
    with bind("test", Address("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with (
        running_linear_api() as api,
        running_simulator(Simulated(capacity=0, linear_url=api.url, linear_key=KEY)) as simulator,
        prober(path, f"{simulator.url}/") as bench,
        linear.observer(
            linear.Settings(url=api.url, key_env="LINEAR_API_KEY", **QUICK),  # type: ignore[arg-type]
            folder=path.parent,
            clock=SystemClock(),
            gauges=bench.gauges,
        ) as made,
    ):
        names.lead({80: int(bench.canary_url.rpartition(":")[2]), DECOY: port})
        observer = cast("LateObserver", made)
        bench.aftercare.use({Source.LINEAR: observer}, {Leavings.LINEAR_ISSUE: observer})
        settings = Settings(
            timeout=Duration.of(seconds=2),
            settle=Duration(50),
            max_send_lag=Duration.of(seconds=5),
            decoy=Address("127.0.0.1", port),
            decoy_port=DECOY,
        )
        clock = SystemClock()
        await Security(settings, bench.means).ask(Turn(clock.now(), clock.wall()))
        # One for each of four alerts, and one more where the function was not found.
        assert len(api.issues()) == 7
        assert len(bench.aftercare) == 4
        async with asyncio.timeout(30):
            while len(bench.aftercare):
                await bench.aftercare.step()
                await asyncio.sleep(0.05)
        assert all(issue["archivedAt"] for issue in api.issues())
        assert await bench.journal.unfinished() == []
        failed = {"criterion": "AC1.linear_issue_creation", "result": "fail"}
        assert not bench.sample("checks_total", **failed)
