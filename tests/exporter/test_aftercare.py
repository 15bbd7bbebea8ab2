"""After the verdict: observers are asked, stages are counted, and leavings are cleaned up."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter.journal.journal import create_open_run
from exporter.journal.sqlite import RunState
from exporter.model.run import Leftover, Run
from exporter.observers import Observation
from exporter.observers.linear import Settings, open_observer
from exporter.simulator.linear.server import LinearApi, serve_linear_api
from exporter.simulator.linear.settings import Settings as ApiSettings
from slos.schema.contract import (
    DeliveryPath,
    IssueCount,
    LeftoverKind,
    Scenario,
    Stage,
    StageSource,
    name_load_probe,
)
from slos.schema.units import Duration
from tests.exporter.care_desk import (
    ReconcilerHarness,
    ScriptedObserver,
    build_issue_leftover,
    build_judged_run,
    run_harness,
)
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import read_rows
from tests.exporter.linear.conftest import KEY

ALERT = Leftover(LeftoverKind.ALERT, "remediation slo-probe-1 1.0")


@pytest.fixture
async def at(path: Path, clock: FakeClock) -> AsyncIterator[ReconcilerHarness]:
    async with run_harness(path, clock) as made:
        yield made


async def test_times_of_both_are_merged(at: ReconcilerHarness, path: Path) -> None:
    linear, tempo = ScriptedObserver(), ScriptedObserver(leftover_kind=None, interval=15.0)
    at.use_observers(linear=linear, tempo=tempo)
    run = build_judged_run("a")
    await at.finish_run(run)
    # What nobody knows better is counted with the verdict; Tempo may know this one better.
    assert at.read_stage_durations(Stage.END_TO_END, StageSource.CANARY) == (1, 0.5)
    assert at.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (0, 0)
    linear.observations["a"] = Observation(
        "a", {Stage.LINEAR_ISSUE_CREATION: 3.0}, (build_issue_leftover("1"),), IssueCount.ONE
    )
    await at.advance(30)
    assert read_rows(path) == [("a", "judged", "ok")]
    times = {Stage.LINEAR_ISSUE_CREATION: 1.0, Stage.REMEDIATION_SELECTION: 0.1}
    tempo.observations["a"] = Observation("a", times)
    await at.advance(120)
    assert at.read_stage_durations(Stage.END_TO_END, StageSource.CANARY) == (1, 0.5)
    assert at.read_stage_durations(Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR) == (1, 3.0)
    assert at.read_stage_durations(Stage.LINEAR_ISSUE_CREATION, StageSource.TEMPO) == (0, 0)
    assert at.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.TEMPO) == (1, 0.1)
    assert at.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (0, 0)
    assert at.read_sample("source_disagreements_total", stage="linear_issue_creation") == 1
    # The canary's time is an upper bound, so that it is larger is no disagreement.
    assert at.read_sample("source_disagreements_total", stage="remediation_selection") == 0
    assert at.read_sample("linear_issues_total", count="one") == 1
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert linear.cleanup_attempts == [(build_issue_leftover("1"),)]
    assert next(iter(at.history)).stages[Stage.LINEAR_ISSUE_CREATION] == 3.0


@pytest.mark.parametrize("count", list(IssueCount))
async def test_issues_of_a_run_are_counted(at: ReconcilerHarness, count: IssueCount) -> None:
    at.use_observers(linear=ScriptedObserver(observations={"a": Observation("a", issues=count)}))
    await at.finish_run(build_judged_run("a"))
    await at.advance(60)
    assert {each: at.read_sample("linear_issues_total", count=each) for each in IssueCount} == {
        each: float(each is count) for each in IssueCount
    }
    failed = at.read_sample("checks_total", criterion="AC1.linear_issue_creation", result="fail")
    assert failed == float(count is IssueCount.NONE)


async def test_a_silent_observer_is_given_up(at: ReconcilerHarness, path: Path) -> None:
    tempo = ScriptedObserver(leftover_kind=None, usual_delay=60.0, max_delay=100.0)
    at.use_observers(tempo=tempo)
    await at.finish_run(build_judged_run("a"))
    await at.advance(50)
    assert at.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (0, 0)
    await at.advance(20)
    assert at.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (1, 2.0)
    assert read_rows(path) == [("a", "judged", "ok")]
    await at.advance(60)
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert at.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (1, 2.0)
    asked = len(tempo.queried_runs)
    await at.advance(100)
    assert len(tempo.queried_runs) == asked
    assert all(at.read_sample("linear_issues_total", count=each) == 0 for each in IssueCount)


async def test_clean_up_is_retried(at: ReconcilerHarness, path: Path) -> None:
    linear = ScriptedObserver(refuses_cleanup=True)
    linear.observations["a"] = Observation(
        "a", leftovers=(build_issue_leftover("1"), build_issue_leftover("2"))
    )
    at.use_observers(linear=linear)
    await at.finish_run(build_judged_run("a"))
    await at.advance(3600, step=5.0)
    tries = len(linear.cleanup_attempts)
    assert 6 <= tries <= 60  # of 720 steps
    assert at.orphans == 2
    assert at.read_sample("cleanup_failures_total", kind="linear_issue") == 2 * tries
    assert read_rows(path) == [("a", "observed", "ok")]
    linear.refuses_cleanup = False
    await at.advance(620, step=5.0)
    assert len(linear.cleanup_attempts) == tries + 1
    assert at.orphans == 0
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert at.read_stage_durations(Stage.END_TO_END, StageSource.CANARY) == (1, 0.5)


async def test_clean_up_starts_at_once(at: ReconcilerHarness, path: Path) -> None:
    linear, alerts = ScriptedObserver(), ScriptedObserver(leftover_kind=LeftoverKind.ALERT)
    at.use_observers(linear=linear)
    at.reconciler.configure(
        {StageSource.LINEAR: linear},
        {LeftoverKind.LINEAR_ISSUE: linear, LeftoverKind.ALERT: alerts},
    )
    await at.finish_run(build_judged_run("a", ALERT))
    await at.advance(2)
    assert alerts.cleanup_attempts == [(ALERT,)]
    assert read_rows(path) == [("a", "judged", "ok")]
    linear.observations["a"] = Observation("a", leftovers=(build_issue_leftover("1"),))
    await at.advance(20)
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert len(alerts.cleanup_attempts) == 1


async def test_failed_clean_up_holds_up_nothing(at: ReconcilerHarness) -> None:
    alerts = ScriptedObserver(leftover_kind=LeftoverKind.ALERT, refuses_cleanup=True)
    linear = ScriptedObserver(refuses_cleanup=True)
    at.reconciler.configure({}, {LeftoverKind.ALERT: alerts, LeftoverKind.LINEAR_ISSUE: linear})
    await at.finish_run(build_judged_run("a", ALERT, build_issue_leftover("1")))
    await at.advance(10)
    linear.refuses_cleanup = False
    await at.advance(700, step=5.0)
    assert linear.cleanup_attempts[-1] == (build_issue_leftover("1"),)
    assert at.orphans == 0
    assert at.read_sample("orphans", kind="alert") == 1


async def test_a_run_that_was_never_sent_is_finished_at_once(
    at: ReconcilerHarness, path: Path
) -> None:
    linear = ScriptedObserver()
    at.use_observers(linear=linear)
    await at.finish_run(build_judged_run("a"), sent=False)
    await at.advance(20)
    assert (linear.queried_runs, read_rows(path)) == ([], [("a", "cleaned", "ok")])


async def test_a_restart_counts_no_run_twice(path: Path, clock: FakeClock) -> None:
    async with run_harness(path, clock) as at:
        at.use_observers(linear=ScriptedObserver())
        due = dataclasses.replace(build_judged_run("a"), due_stages=(Stage.LINEAR_ISSUE_CREATION,))
        await at.journal.write_run(RunState.JUDGED, due)
        await at.journal.write_run(
            RunState.OBSERVED, build_judged_run("b", build_issue_leftover("2"))
        )
        await at.journal.write_run(RunState.CLEANED, build_judged_run("c"))
        await at.journal.write_run(
            RunState.SENT, create_open_run("remediation", DeliveryPath.DIRECT, "d", 1.7e9)
        )
    async with run_harness(path, clock) as again:
        linear = ScriptedObserver()
        took = {Stage.LINEAR_ISSUE_CREATION: 1.0}
        linear.observations["a"] = Observation(
            "a", took, (build_issue_leftover("1"),), IssueCount.ONE
        )
        linear.observations["d"] = Observation(
            "d", leftovers=(build_issue_leftover("4"),), issues=IssueCount.ONE
        )
        again.use_observers(linear=linear)
        await again.advance(20)
        assert set(linear.queried_runs[0]) == {"a", "d"}
        assert {each for tried in linear.cleanup_attempts for each in tried} == set(
            map(build_issue_leftover, "124")
        )
        assert {row[1] for row in read_rows(path)} == {"cleaned"}
        # What was counted before the restart is not counted again; d is unknown and has no stages.
        assert again.read_stage_durations(Stage.END_TO_END, StageSource.CANARY) == (0, 0)
        assert again.read_stage_durations(Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR) == (
            1,
            1.0,
        )
        assert again.read_sample("linear_issues_total", count="one") == 1


async def test_orphans_outlive_their_cleaner(at: ReconcilerHarness, path: Path) -> None:
    at.use_observers(
        linear=ScriptedObserver(
            refuses_cleanup=True,
            observations={"a": Observation("a", leftovers=(build_issue_leftover("1"),))},
        )
    )
    await at.finish_run(build_judged_run("a"))
    await at.advance(20)
    at.use_observers()
    await at.advance(20)
    assert at.orphans == 1
    assert read_rows(path) == [("a", "observed", "ok")]
    at.use_observers(linear=ScriptedObserver())
    await at.advance(620, step=5.0)
    assert at.orphans == 0
    assert read_rows(path) == [("a", "cleaned", "ok")]


async def test_an_added_observer_is_asked(at: ReconcilerHarness) -> None:
    at.use_observers(tempo=ScriptedObserver(leftover_kind=None))
    await at.finish_run(build_judged_run("a"))
    linear = ScriptedObserver()
    at.use_observers(tempo=ScriptedObserver(leftover_kind=None), linear=linear)
    await at.advance(10)
    assert linear.queried_runs[0] == ("a",)


async def test_many_clean_ups_are_done_in_parts(at: ReconcilerHarness) -> None:
    linear = ScriptedObserver()
    at.reconciler.configure({}, {LeftoverKind.LINEAR_ISSUE: linear})
    for number in range(50):
        await at.finish_run(build_judged_run(f"{number}", build_issue_leftover(f"{number}")))
    await at.advance(6)
    assert [len(tried) for tried in linear.cleanup_attempts] == [20, 20, 10]
    assert len(at.reconciler) == 0


@pytest.mark.parametrize("troubled", [False, True])
async def test_the_sweep_finds_lost_issues(at: ReconcilerHarness, *, troubled: bool) -> None:
    linear = ScriptedObserver(
        refuses_cleanup=True, orphans=[build_issue_leftover("lost"), build_issue_leftover("known")]
    )
    linear.observations["a"] = Observation("a", leftovers=(build_issue_leftover("known"),))
    at.use_observers(linear=linear)
    await at.finish_run(build_judged_run("a"))
    await at.advance(610, step=5.0)
    assert (
        build_issue_leftover("lost"),
    ) in linear.cleanup_attempts  # the other one is tried again in between
    assert at.orphans == 2
    linear.is_failing = troubled  # then a sweep finds nothing, and what was found still counts
    await at.advance(610, step=5.0)
    assert at.orphans == 2
    linear.refuses_cleanup = linear.is_failing = False
    linear.orphans = []
    await at.advance(1300, step=5.0)
    assert at.orphans == 0
    assert (build_issue_leftover("lost"),) in linear.cleanup_attempts[-2:]


_LIMIT = "requests_per_hour"
QUICK: dict[str, Any] = {"requests_per_hour": 1_000_000, "linger": Duration.from_parts(seconds=10)}


@dataclass
class Office:
    """Linear, and the desk that asks it."""

    api: LinearApi
    desk: ReconcilerHarness

    def open(self, run: Run, title: str = "[Alert] SloProbeSynthetic") -> str:
        """Open an issue of a run as agent-sre would; gives its id."""
        workspace = self.api.handlers.workspace
        text = f"Synthetic.\n\n**Correlation ID**: `{run.id}`"
        fields = {"teamId": workspace.team["id"], "title": title, "description": text}
        return str(workspace.create_issue(fields, self.api.faults.active)["id"])

    async def run(self) -> Run:
        """A run that ended just now, and opened its issue two seconds after it began."""
        clock = self.desk.clock
        run = build_judged_run(intended_at=clock.wall())
        await clock.advance(2)
        self.open(run)
        await self.desk.finish_run(run)
        return run

    @property
    def creation(self) -> tuple[float, float]:
        """How many issue creations were timed, and their mean in seconds."""
        count, seconds = self.desk.read_stage_durations(
            Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR
        )
        return count or 0, (seconds or 0) / (count or 1)

    @property
    def left(self) -> int:
        """Issues that are still open."""
        return sum(issue["archivedAt"] is None for issue in self.api.list_issues())

    def issues(self, count: str) -> float | None:
        return self.desk.read_sample("linear_issues_total", count=count)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", KEY)


@contextlib.asynccontextmanager
async def office(path: Path, clock: FakeClock, **options: object) -> AsyncIterator[Office]:
    async with (
        serve_linear_api(ApiSettings(key=KEY), clock=clock) as api,
        run_harness(path, clock) as at,
        asking(path, clock, api, at, **options),
    ):
        yield Office(api, at)


@contextlib.asynccontextmanager
async def asking(
    path: Path, clock: FakeClock, api: LinearApi, at: ReconcilerHarness, **options: object
) -> AsyncIterator[None]:
    """An observer, in the place of any before it."""
    settings = Settings(url=api.url, key_env="LINEAR_API_KEY", **{**QUICK, **options})
    async with open_observer(
        settings, folder=path.parent, clock=clock, gauges=at.gauges
    ) as linear:  # fmt: skip
        at.use_observers(linear=linear)
        yield


@pytest.fixture
async def care(path: Path, clock: FakeClock) -> AsyncIterator[Office]:
    async with office(path, clock) as made:
        yield made


async def test_an_issue_is_timed_and_archived(care: Office, path: Path) -> None:
    await care.run()
    await care.desk.advance(120)
    count, mean = care.creation
    assert count == 1
    assert mean == pytest.approx(2.0, abs=0.6)  # the clocks agree within half a second
    assert (care.left, care.issues("one"), care.desk.orphans) == (0, 1, 0)
    assert {row[1] for row in read_rows(path)} == {"cleaned"}


async def test_several_issues_are_archived(care: Office, clock: FakeClock) -> None:
    twice = await care.run()
    care.open(twice)
    care.open(twice, "[Remediation Failed] SloProbeSynthetic")
    await care.desk.finish_run(build_judged_run(intended_at=clock.wall()))
    await care.desk.advance(300)
    assert (care.issues("several"), care.issues("none"), care.issues("one")) == (1, 1, 0)
    assert care.left == 0


@pytest.mark.parametrize("fault", ["down", "error", "garbage", "unauthorized", "ratelimited:60"])
async def test_an_hour_without_linear(care: Office, path: Path, fault: str) -> None:
    care.api.faults.set(fault)
    for _ in range(60):
        await care.run()
        await care.desk.advance(58, step=5.0)
    # Of the last four minutes nobody expects an answer yet: within, linger and two questions.
    assert 55 <= (care.desk.orphans or 0) <= 60
    assert (care.desk.read_sample("observer_failures_total", source="linear") or 0) >= 3
    assert care.api.counters.requests < 500
    assert care.left == 60
    care.api.faults.set("none")
    await care.desk.advance(900, step=5.0)
    assert (care.left, care.desk.orphans) == (0, 0)
    assert care.issues("one") == 60
    count, mean = care.creation
    assert count == 60
    assert mean == pytest.approx(2.0, abs=0.6)
    assert {row[1] for row in read_rows(path)} == {"cleaned"}


async def test_the_default_limit_keeps_up(path: Path, clock: FakeClock) -> None:
    """A run every 3.5 s, and a hundred at once in the middle of it."""
    async with office(path, clock, requests_per_hour=Settings.model_fields[_LIMIT].default) as at:
        for number in range(150):
            for _ in range(101 if number == 100 else 1):
                run = build_judged_run(intended_at=clock.wall())
                at.open(run)
                await at.desk.finish_run(run)
            await at.desk.advance(3.5, step=3.5)
        await at.desk.advance(150, step=5)
        assert (at.left, at.desk.orphans) == (0, 0)
        assert at.api.counters.requests < 60, "of about 120 that the limit lets pass in that time"


async def test_unarchived_issues_are_orphans(care: Office) -> None:
    care.api.faults.set("forbidden")
    await care.run()
    await care.desk.advance(3600, step=5.0)
    assert (care.left, care.desk.orphans) == (1, 1)
    assert (care.desk.read_sample("cleanup_failures_total", kind="linear_issue") or 0) >= 5
    care.api.faults.set("none")
    await care.desk.advance(700, step=5.0)
    assert (care.left, care.desk.orphans, care.issues("one")) == (0, 0, 1)


async def test_forgotten_issues_are_archived(care: Office) -> None:
    care.open(build_judged_run())
    workspace = care.api.handlers.workspace
    real = {"teamId": workspace.team["id"], "title": "[Alert] PodCrashLooping"}
    workspace.create_issue({**real, "description": "a pod"}, care.api.faults.active)
    await care.desk.advance(3000, step=5.0)
    assert care.left == 2  # it may still belong to a run under way somewhere
    await care.desk.advance(1300, step=5.0)
    assert [each["title"] for each in care.api.list_issues() if each["archivedAt"] is None] == [
        "[Alert] PodCrashLooping"
    ]
    assert [care.issues(count) for count in ("one", "several", "none")] == [0, 0, 0]


@pytest.mark.parametrize("skew", [-3600, -5, 5, 3600])
async def test_a_wrong_clock_of_linear(care: Office, skew: int) -> None:
    care.api.faults.set(f"skew:{skew}")
    for _ in range(10):
        await care.run()
        await care.desk.advance(33.3)
    await care.desk.advance(300)
    count, mean = care.creation
    assert count >= 8
    assert mean == pytest.approx(2.0, abs=0.6)
    assert care.desk.read_sample("clock_skew_seconds", peer="linear") == pytest.approx(skew, abs=1)
    assert care.left == 0


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_a_step_of_our_own_clock(care: Office, clock: FakeClock, step: float) -> None:
    plan = clock.wall()  # slots are counted from the clock as it was at the start
    begun = clock.now()
    clock._offset += step
    clock_of_linear = -step  # which did not step
    care.api.faults.set(f"skew:{clock_of_linear}")
    for _ in range(5):
        run = build_judged_run(intended_at=plan + clock.now() - begun)
        await clock.advance(2)
        care.open(run)
        await care.desk.finish_run(run)
        await care.desk.advance(60)
    await care.desk.advance(300)
    count, mean = care.creation
    assert count >= 4
    assert mean == pytest.approx(2.0, abs=0.6)
    assert care.left == 0


@pytest.mark.parametrize("step", [-10_800.0, 10_800.0])
async def test_a_reload_after_one(care: Office, path: Path, clock: FakeClock, step: float) -> None:
    run = build_judged_run(intended_at=clock.steady())
    await clock.advance(2)
    care.open(run)
    await care.desk.finish_run(run)
    clock._offset += step
    care.api.faults.set(f"skew:{-step}")  # Linear's own clock is right all the time
    async with asking(path, clock, care.api, care.desk):
        await care.desk.advance(400)
        count, mean = care.creation
        assert count == 1
        assert mean == pytest.approx(2.0, abs=1.0)
        assert care.left == 0


def of_load(run_id: str) -> Run:
    return dataclasses.replace(build_judged_run(run_id), probe=name_load_probe(Scenario.STRESS))


async def test_only_linear_is_asked_of_a_load(at: ReconcilerHarness, path: Path) -> None:
    linear, tempo = ScriptedObserver(), ScriptedObserver(leftover_kind=None)
    linear.observations["a"] = Observation(
        "a", {Stage.LINEAR_ISSUE_CREATION: 3.0}, (build_issue_leftover("1"),), IssueCount.ONE
    )
    at.use_observers(linear=linear)
    heard: list[tuple[float, IssueCount | None]] = []

    def hear(run: Run, issues: IssueCount | None) -> None:
        heard.append((run.stages[Stage.LINEAR_ISSUE_CREATION], issues))

    with at.reconciler.listen(hear):
        await at.finish_run(of_load("a"))
        at.use_observers(linear=linear, tempo=tempo)
        await at.advance(30)
    assert (linear.queried_runs, tempo.queried_runs) == ([("a",)], [])
    assert linear.cleanup_attempts == [(build_issue_leftover("1"),)]
    assert heard == [(3.0, IssueCount.ONE)]
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert at.read_stage_durations(Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR) == (0, 0)
    assert at.read_sample("linear_issues_total", count="one") == 0
    labels = {"probe": "scenario_stress", "path": "direct", "verdict": "ok"}
    assert at.read_sample("probe_runs_total", **labels) is None


async def test_recent_runs_are_of_the_plan(at: ReconcilerHarness) -> None:
    for run in (build_judged_run("a"), of_load("b"), of_load("c")):
        await at.finish_run(run)
    assert [run.id for run in await at.journal.list_recent(2)] == ["a"]
    assert await at.journal.find_probe("c") == "scenario_stress"
