"""After a load: only who must clean up is asked, and what was learned counts for no probe."""

import dataclasses
from pathlib import Path

from exporter.observers import Sighting
from exporter.result import ProbeResult
from slos.schema.contract import IssueCount, Scenario, Source, Stage
from tests.exporter.care_desk import Told, desk, issue, judged
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import rows


def of_load(run_id: str) -> ProbeResult:
    return dataclasses.replace(judged(run_id), probe=Scenario.STRESS.probe)


async def test_only_linear_is_asked_of_a_load(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
        linear, tempo = Told(), Told(cleans=None)
        linear.knows["a"] = Sighting(
            "a", {Stage.LINEAR_ISSUE_CREATION: 3.0}, (issue("1"),), IssueCount.ONE
        )
        at.use(linear=linear)
        heard: list[tuple[float, IssueCount | None]] = []

        def hear(run: ProbeResult, issues: IssueCount | None) -> None:
            heard.append((run.stages[Stage.LINEAR_ISSUE_CREATION], issues))

        at.aftercare.hears = hear
        await at.end(of_load("a"))
        at.use(linear=linear, tempo=tempo)
        await at.wait(30)
        assert (linear.asked, tempo.asked) == ([("a",)], [])
        assert linear.tried == [(issue("1"),)]
        assert heard == [(3.0, IssueCount.ONE)]
        assert rows(path) == [("a", "cleaned", "ok")]
        assert at.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR) == (0, 0)
        assert at.sample("linear_issues_total", count="one") == 0
        labels = {"probe": "scenario_stress", "path": "direct", "verdict": "ok"}
        assert at.sample("probe_runs_total", **labels) is None


async def test_recent_runs_are_of_the_plan(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
        for run in (judged("a"), of_load("b"), of_load("c")):
            await at.end(run)
        assert [run.id for run in await at.journal.recent(2)] == ["a"]
        assert await at.journal.probe_of("c") == "scenario_stress"
