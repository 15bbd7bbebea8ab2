"""After the verdict: observers are asked, stages are counted, and leavings are cleaned up."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter.journal.journal import opened
from exporter.journal.sqlite import State
from exporter.model.run import Leaving, ProbeResult
from exporter.observers import Sighting
from exporter.observers.linear import Settings, observer
from exporter.simulator.linear.server import LinearApi, running_linear_api
from exporter.simulator.linear.settings import Settings as ApiSettings
from slos.schema.contract import IssueCount, Leavings, Route, Scenario, Source, Stage
from slos.schema.units import Duration
from tests.exporter.care_desk import Desk, Told, desk, issue, judged
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import rows
from tests.exporter.linear.conftest import KEY

ALERT = Leaving(Leavings.ALERT, "remediation slo-probe-1 1.0")


@pytest.fixture
async def at(path: Path, clock: FakeClock) -> AsyncIterator[Desk]:
    async with desk(path, clock) as made:
        yield made


async def test_times_of_both_are_merged(at: Desk, path: Path) -> None:
    linear, tempo = Told(), Told(cleans=None, every=15.0)
    at.use(linear=linear, tempo=tempo)
    run = judged("a")
    await at.end(run)
    # What nobody knows better is counted with the verdict; Tempo may know this one better.
    assert at.took(Stage.END_TO_END, Source.CANARY) == (1, 0.5)
    assert at.took(Stage.REMEDIATION_SELECTION, Source.CANARY) == (0, 0)
    linear.knows["a"] = Sighting(
        "a", {Stage.LINEAR_ISSUE_CREATION: 3.0}, (issue("1"),), IssueCount.ONE
    )
    await at.wait(30)
    assert rows(path) == [("a", "judged", "ok")]
    times = {Stage.LINEAR_ISSUE_CREATION: 1.0, Stage.REMEDIATION_SELECTION: 0.1}
    tempo.knows["a"] = Sighting("a", times)
    await at.wait(120)
    assert at.took(Stage.END_TO_END, Source.CANARY) == (1, 0.5)
    assert at.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR) == (1, 3.0)
    assert at.took(Stage.LINEAR_ISSUE_CREATION, Source.TEMPO) == (0, 0)
    assert at.took(Stage.REMEDIATION_SELECTION, Source.TEMPO) == (1, 0.1)
    assert at.took(Stage.REMEDIATION_SELECTION, Source.CANARY) == (0, 0)
    assert at.sample("source_disagreements_total", stage="linear_issue_creation") == 1
    # The canary's time is an upper bound, so that it is larger is no disagreement.
    assert at.sample("source_disagreements_total", stage="remediation_selection") == 0
    assert at.sample("linear_issues_total", count="one") == 1
    assert rows(path) == [("a", "cleaned", "ok")]
    assert linear.tried == [(issue("1"),)]
    assert next(iter(at.recent)).stages[Stage.LINEAR_ISSUE_CREATION] == 3.0


@pytest.mark.parametrize("count", list(IssueCount))
async def test_issues_of_a_run_are_counted(at: Desk, count: IssueCount) -> None:
    at.use(linear=Told(knows={"a": Sighting("a", issues=count)}))
    await at.end(judged("a"))
    await at.wait(60)
    assert {each: at.sample("linear_issues_total", count=each) for each in IssueCount} == {
        each: float(each is count) for each in IssueCount
    }
    failed = at.sample("checks_total", criterion="AC1.linear_issue_creation", result="fail")
    assert failed == float(count is IssueCount.NONE)


async def test_a_silent_observer_is_given_up(at: Desk, path: Path) -> None:
    tempo = Told(cleans=None, usual=60.0, patience=100.0)
    at.use(tempo=tempo)
    await at.end(judged("a"))
    await at.wait(50)
    assert at.took(Stage.REMEDIATION_SELECTION, Source.CANARY) == (0, 0)
    await at.wait(20)
    assert at.took(Stage.REMEDIATION_SELECTION, Source.CANARY) == (1, 2.0)
    assert rows(path) == [("a", "judged", "ok")]
    await at.wait(60)
    assert rows(path) == [("a", "cleaned", "ok")]
    assert at.took(Stage.REMEDIATION_SELECTION, Source.CANARY) == (1, 2.0)
    asked = len(tempo.asked)
    await at.wait(100)
    assert len(tempo.asked) == asked
    assert all(at.sample("linear_issues_total", count=each) == 0 for each in IssueCount)


async def test_clean_up_is_retried(at: Desk, path: Path) -> None:
    linear = Told(refuses=True)
    linear.knows["a"] = Sighting("a", leavings=(issue("1"), issue("2")))
    at.use(linear=linear)
    await at.end(judged("a"))
    await at.wait(3600, step=5.0)
    tries = len(linear.tried)
    assert 6 <= tries <= 60  # of 720 steps
    assert at.orphans == 2
    assert at.sample("cleanup_failures_total", kind="linear_issue") == 2 * tries
    assert rows(path) == [("a", "observed", "ok")]
    linear.refuses = False
    await at.wait(620, step=5.0)
    assert len(linear.tried) == tries + 1
    assert at.orphans == 0
    assert rows(path) == [("a", "cleaned", "ok")]
    assert at.took(Stage.END_TO_END, Source.CANARY) == (1, 0.5)


async def test_clean_up_starts_at_once(at: Desk, path: Path) -> None:
    linear, alerts = Told(), Told(cleans=Leavings.ALERT)
    at.use(linear=linear)
    at.aftercare.use(
        {Source.LINEAR: linear}, {Leavings.LINEAR_ISSUE: linear, Leavings.ALERT: alerts}
    )
    await at.end(judged("a", ALERT))
    await at.wait(2)
    assert alerts.tried == [(ALERT,)]
    assert rows(path) == [("a", "judged", "ok")]
    linear.knows["a"] = Sighting("a", leavings=(issue("1"),))
    await at.wait(20)
    assert rows(path) == [("a", "cleaned", "ok")]
    assert len(alerts.tried) == 1


async def test_failed_clean_up_holds_up_nothing(at: Desk) -> None:
    alerts = Told(cleans=Leavings.ALERT, refuses=True)
    linear = Told(refuses=True)
    at.aftercare.use({}, {Leavings.ALERT: alerts, Leavings.LINEAR_ISSUE: linear})
    await at.end(judged("a", ALERT, issue("1")))
    await at.wait(10)
    linear.refuses = False
    await at.wait(700, step=5.0)
    assert linear.tried[-1] == (issue("1"),)
    assert at.orphans == 0
    assert at.sample("orphans", kind="alert") == 1


async def test_a_run_that_was_never_sent_is_finished_at_once(at: Desk, path: Path) -> None:
    linear = Told()
    at.use(linear=linear)
    await at.end(judged("a"), sent=False)
    await at.wait(20)
    assert (linear.asked, rows(path)) == ([], [("a", "cleaned", "ok")])


async def test_a_restart_counts_no_run_twice(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
        at.use(linear=Told())
        due = dataclasses.replace(judged("a"), due=(Stage.LINEAR_ISSUE_CREATION,))
        await at.journal.put(State.JUDGED, due)
        await at.journal.put(State.OBSERVED, judged("b", issue("2")))
        await at.journal.put(State.CLEANED, judged("c"))
        await at.journal.put(State.SENT, opened("remediation", Route.DIRECT, "d", 1.7e9))
    async with desk(path, clock) as again:
        linear = Told()
        took = {Stage.LINEAR_ISSUE_CREATION: 1.0}
        linear.knows["a"] = Sighting("a", took, (issue("1"),), IssueCount.ONE)
        linear.knows["d"] = Sighting("d", leavings=(issue("4"),), issues=IssueCount.ONE)
        again.use(linear=linear)
        await again.wait(20)
        assert set(linear.asked[0]) == {"a", "d"}
        assert {each for tried in linear.tried for each in tried} == set(map(issue, "124"))
        assert {row[1] for row in rows(path)} == {"cleaned"}
        # What was counted before the restart is not counted again; d is unknown and has no stages.
        assert again.took(Stage.END_TO_END, Source.CANARY) == (0, 0)
        assert again.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR) == (1, 1.0)
        assert again.sample("linear_issues_total", count="one") == 1


async def test_orphans_outlive_their_cleaner(at: Desk, path: Path) -> None:
    at.use(linear=Told(refuses=True, knows={"a": Sighting("a", leavings=(issue("1"),))}))
    await at.end(judged("a"))
    await at.wait(20)
    at.use()
    await at.wait(20)
    assert at.orphans == 1
    assert rows(path) == [("a", "observed", "ok")]
    at.use(linear=Told())
    await at.wait(620, step=5.0)
    assert at.orphans == 0
    assert rows(path) == [("a", "cleaned", "ok")]


async def test_an_added_observer_is_asked(at: Desk) -> None:
    at.use(tempo=Told(cleans=None))
    await at.end(judged("a"))
    linear = Told()
    at.use(tempo=Told(cleans=None), linear=linear)
    await at.wait(10)
    assert linear.asked[0] == ("a",)


async def test_many_clean_ups_are_done_in_parts(at: Desk) -> None:
    linear = Told()
    at.aftercare.use({}, {Leavings.LINEAR_ISSUE: linear})
    for number in range(50):
        await at.end(judged(f"{number}", issue(f"{number}")))
    await at.wait(6)
    assert [len(tried) for tried in linear.tried] == [20, 20, 10]
    assert len(at.aftercare) == 0


@pytest.mark.parametrize("troubled", [False, True])
async def test_the_sweep_finds_lost_issues(at: Desk, *, troubled: bool) -> None:
    linear = Told(refuses=True, stray=[issue("lost"), issue("known")])
    linear.knows["a"] = Sighting("a", leavings=(issue("known"),))
    at.use(linear=linear)
    await at.end(judged("a"))
    await at.wait(610, step=5.0)
    assert (issue("lost"),) in linear.tried  # the other one is tried again in between
    assert at.orphans == 2
    linear.troubled = troubled  # then a sweep finds nothing, and what was found still counts
    await at.wait(610, step=5.0)
    assert at.orphans == 2
    linear.refuses = linear.troubled = False
    linear.stray = []
    await at.wait(1300, step=5.0)
    assert at.orphans == 0
    assert (issue("lost"),) in linear.tried[-2:]


_LIMIT = "requests_per_hour"
QUICK: dict[str, Any] = {"requests_per_hour": 1_000_000, "linger": Duration.of(seconds=10)}


@dataclass
class Office:
    """Linear, and the desk that asks it."""

    api: LinearApi
    desk: Desk

    def open(self, run: ProbeResult, title: str = "[Alert] SloProbeSynthetic") -> str:
        """Open an issue of a run as agent-sre would; gives its id."""
        workspace = self.api.face.workspace
        text = f"Synthetic.\n\n**Correlation ID**: `{run.id}`"
        fields = {"teamId": workspace.team["id"], "title": title, "description": text}
        return str(workspace.create(fields, self.api.faults.active)["id"])

    async def run(self) -> ProbeResult:
        """A run that ended just now, and opened its issue two seconds after it began."""
        clock = self.desk.clock
        run = judged(at=clock.wall())
        await clock.advance(2)
        self.open(run)
        await self.desk.end(run)
        return run

    @property
    def creation(self) -> tuple[float, float]:
        """How many issue creations were timed, and their mean in seconds."""
        count, seconds = self.desk.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR)
        return count or 0, (seconds or 0) / (count or 1)

    @property
    def left(self) -> int:
        """Issues that are still open."""
        return sum(issue["archivedAt"] is None for issue in self.api.issues())

    def issues(self, count: str) -> float | None:
        return self.desk.sample("linear_issues_total", count=count)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", KEY)


@contextlib.asynccontextmanager
async def office(path: Path, clock: FakeClock, **options: object) -> AsyncIterator[Office]:
    async with (
        running_linear_api(ApiSettings(key=KEY), clock=clock) as api,
        desk(path, clock) as at,
        asking(path, clock, api, at, **options),
    ):
        yield Office(api, at)


@contextlib.asynccontextmanager
async def asking(
    path: Path, clock: FakeClock, api: LinearApi, at: Desk, **options: object
) -> AsyncIterator[None]:
    """An observer, in the place of any before it."""
    settings = Settings(url=api.url, key_env="LINEAR_API_KEY", **{**QUICK, **options})
    async with observer(
        settings, folder=path.parent, clock=clock, gauges=at.gauges
    ) as linear:  # fmt: skip
        at.use(linear=linear)
        yield


@pytest.fixture
async def care(path: Path, clock: FakeClock) -> AsyncIterator[Office]:
    async with office(path, clock) as made:
        yield made


async def test_an_issue_is_timed_and_archived(care: Office, path: Path) -> None:
    await care.run()
    await care.desk.wait(120)
    count, mean = care.creation
    assert count == 1
    assert mean == pytest.approx(2.0, abs=0.6)  # the clocks agree within half a second
    assert (care.left, care.issues("one"), care.desk.orphans) == (0, 1, 0)
    assert {row[1] for row in rows(path)} == {"cleaned"}


async def test_several_issues_are_archived(care: Office, clock: FakeClock) -> None:
    twice = await care.run()
    care.open(twice)
    care.open(twice, "[Remediation Failed] SloProbeSynthetic")
    await care.desk.end(judged(at=clock.wall()))
    await care.desk.wait(300)
    assert (care.issues("several"), care.issues("none"), care.issues("one")) == (1, 1, 0)
    assert care.left == 0


@pytest.mark.parametrize("fault", ["down", "error", "garbage", "unauthorized", "ratelimited:60"])
async def test_an_hour_without_linear(care: Office, path: Path, fault: str) -> None:
    care.api.faults.set(fault)
    for _ in range(60):
        await care.run()
        await care.desk.wait(58, step=5.0)
    # Of the last four minutes nobody expects an answer yet: within, linger and two questions.
    assert 55 <= (care.desk.orphans or 0) <= 60
    assert (care.desk.sample("observer_failures_total", source="linear") or 0) >= 3
    assert care.api.served.requests < 500
    assert care.left == 60
    care.api.faults.set("none")
    await care.desk.wait(900, step=5.0)
    assert (care.left, care.desk.orphans) == (0, 0)
    assert care.issues("one") == 60
    count, mean = care.creation
    assert count == 60
    assert mean == pytest.approx(2.0, abs=0.6)
    assert {row[1] for row in rows(path)} == {"cleaned"}


async def test_the_default_limit_keeps_up(path: Path, clock: FakeClock) -> None:
    """A run every 3.5 s, and a hundred at once in the middle of it."""
    async with office(path, clock, requests_per_hour=Settings.model_fields[_LIMIT].default) as at:
        for number in range(150):
            for _ in range(101 if number == 100 else 1):
                run = judged(at=clock.wall())
                at.open(run)
                await at.desk.end(run)
            await at.desk.wait(3.5, step=3.5)
        await at.desk.wait(150, step=5)
        assert (at.left, at.desk.orphans) == (0, 0)
        assert at.api.served.requests < 60, "of about 120 that the limit lets pass in that time"


async def test_unarchived_issues_are_orphans(care: Office) -> None:
    care.api.faults.set("forbidden")
    await care.run()
    await care.desk.wait(3600, step=5.0)
    assert (care.left, care.desk.orphans) == (1, 1)
    assert (care.desk.sample("cleanup_failures_total", kind="linear_issue") or 0) >= 5
    care.api.faults.set("none")
    await care.desk.wait(700, step=5.0)
    assert (care.left, care.desk.orphans, care.issues("one")) == (0, 0, 1)


async def test_forgotten_issues_are_archived(care: Office) -> None:
    care.open(judged())
    workspace = care.api.face.workspace
    real = {"teamId": workspace.team["id"], "title": "[Alert] PodCrashLooping"}
    workspace.create({**real, "description": "a pod"}, care.api.faults.active)
    await care.desk.wait(3000, step=5.0)
    assert care.left == 2  # it may still belong to a run under way somewhere
    await care.desk.wait(1300, step=5.0)
    assert [each["title"] for each in care.api.issues() if each["archivedAt"] is None] == [
        "[Alert] PodCrashLooping"
    ]
    assert [care.issues(count) for count in ("one", "several", "none")] == [0, 0, 0]


@pytest.mark.parametrize("skew", [-3600, -5, 5, 3600])
async def test_a_wrong_clock_of_linear(care: Office, skew: int) -> None:
    care.api.faults.set(f"skew:{skew}")
    for _ in range(10):
        await care.run()
        await care.desk.wait(33.3)
    await care.desk.wait(300)
    count, mean = care.creation
    assert count >= 8
    assert mean == pytest.approx(2.0, abs=0.6)
    assert care.desk.sample("clock_skew_seconds", peer="linear") == pytest.approx(skew, abs=1)
    assert care.left == 0


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_a_step_of_our_own_clock(care: Office, clock: FakeClock, step: float) -> None:
    plan = clock.wall()  # slots are counted from the clock as it was at the start
    begun = clock.now()
    clock._offset += step
    clock_of_linear = -step  # which did not step
    care.api.faults.set(f"skew:{clock_of_linear}")
    for _ in range(5):
        run = judged(at=plan + clock.now() - begun)
        await clock.advance(2)
        care.open(run)
        await care.desk.end(run)
        await care.desk.wait(60)
    await care.desk.wait(300)
    count, mean = care.creation
    assert count >= 4
    assert mean == pytest.approx(2.0, abs=0.6)
    assert care.left == 0


@pytest.mark.parametrize("step", [-10_800.0, 10_800.0])
async def test_a_reload_after_one(care: Office, path: Path, clock: FakeClock, step: float) -> None:
    run = judged(at=clock.steady())
    await clock.advance(2)
    care.open(run)
    await care.desk.end(run)
    clock._offset += step
    care.api.faults.set(f"skew:{-step}")  # Linear's own clock is right all the time
    async with asking(path, clock, care.api, care.desk):
        await care.desk.wait(400)
        count, mean = care.creation
        assert count == 1
        assert mean == pytest.approx(2.0, abs=1.0)
        assert care.left == 0


def of_load(run_id: str) -> ProbeResult:
    return dataclasses.replace(judged(run_id), probe=Scenario.STRESS.probe)


async def test_only_linear_is_asked_of_a_load(at: Desk, path: Path) -> None:
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


async def test_recent_runs_are_of_the_plan(at: Desk) -> None:
    for run in (judged("a"), of_load("b"), of_load("c")):
        await at.end(run)
    assert [run.id for run in await at.journal.recent(2)] == ["a"]
    assert await at.journal.probe_of("c") == "scenario_stress"
