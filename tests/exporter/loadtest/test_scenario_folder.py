"""A folder of results that cannot be written any more."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exporter.commands import campaign
from exporter.commands.campaign import ScenarioOutcome
from exporter.commands.scenario_runner import RunOptions
from exporter.loadtest.result import ScenarioResult, ScenarioState
from exporter.loadtest.stop import StopReason

RESULT = ScenarioResult(
    "1", "baseline", ScenarioState.STOPPED, 1.0, 2.0, reason=StopReason.OPERATOR, events=3
)


class EndlessRunner:
    """Runner whose load ends only when it is stopped."""

    is_stopped = False

    def __init__(self) -> None:
        self.stopped = asyncio.Event()

    async def list_names(self) -> list[str]:
        return ["baseline"]

    async def run(self, name: str) -> tuple[ScenarioResult, dict[str, Any]]:
        await self.stopped.wait()
        return RESULT, {**RESULT.to_json(), "scenario": name}

    async def stop(self) -> None:
        self.stopped.set()


async def test_a_load_stops_as_soon_as_its_result_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign, "_FOLDER_CHECK_INTERVAL", 0.01)
    folder = tmp_path / "out"
    folder.write_text("no folder any more")
    options = RunOptions(
        at=None, config=None, out=folder, any_result=False, compress=1.0, baseline=None,
        renew_baseline=False, resume=False, simulate=False, capacity=0.0, user=None,
        password_file=None, ca_file=None,
    )  # fmt: skip
    printed: list[ScenarioResult] = []
    async with asyncio.timeout(10):
        outcome = await campaign._run_one(EndlessRunner(), "baseline", options, printed.append)
    assert printed == [RESULT], "what is there is shown"
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"error: cannot write to {folder}: File exists; the load is stopped"
    assert outcome == ScenarioOutcome("baseline", RESULT, error=told[1].removeprefix("error: "))
