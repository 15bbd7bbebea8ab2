"""Reconciler with scripted observers: queries, stage times, clean-up, leftovers and orphans."""

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from exporter.journal.journal import create_open_run
from exporter.journal.rows import RunState
from exporter.journal.sqlite import SqliteStore
from exporter.model.bounds import Bounds
from exporter.model.run import Leftover, Run
from exporter.observers import Observation
from slos.schema.contract import (
    DeliveryPath,
    IssueCount,
    LeftoverKind,
    Scenario,
    Stage,
    StageSource,
    name_load_probe,
)
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_harness import read_rows
from tests.exporter.reconciler_harness import (
    ReconcilerHarness,
    ScriptedObserver,
    build_issue_leftover,
    build_judged_run,
    run_harness,
)


class SlowCleaner(ScriptedObserver):
    """Observer whose clean-up ends when it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()

    async def clean_up(self, leftovers: Sequence[Leftover]) -> list[Leftover]:
        await self.released.wait()
        return await super().clean_up(leftovers)


ALERT = Leftover(LeftoverKind.ALERT, "remediation slo-probe-1 1.0")


@pytest.fixture
async def harness(path: Path, clock: FakeClock) -> AsyncIterator[ReconcilerHarness]:
    async with run_harness(path, clock) as reconciler_harness:
        yield reconciler_harness


async def test_stage_times_of_two_observers_are_merged(
    harness: ReconcilerHarness, path: Path
) -> None:
    linear, tempo = ScriptedObserver(), ScriptedObserver(leftover_kind=None, interval=15.0)
    harness.use_observers(linear=linear, tempo=tempo)
    run = build_judged_run("a")
    await harness.finish_run(run)
    # Stages that no observer measures are counted with the verdict; Tempo may measure selection.
    assert harness.read_stage_durations(Stage.END_TO_END, StageSource.CANARY) == (1, 0.5)
    assert harness.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (0, 0)
    linear.observations["a"] = Observation(
        "a",
        {Stage.LINEAR_ISSUE_CREATION: Bounds.exactly(3.0)},
        (build_issue_leftover("1"),),
        IssueCount.ONE,
    )
    await harness.advance(30)
    assert read_rows(path) == [("a", "judged", "ok")]
    tempo.observations["a"] = Observation(
        "a",
        {
            Stage.LINEAR_ISSUE_CREATION: Bounds.exactly(1.0),
            Stage.REMEDIATION_SELECTION: Bounds.exactly(0.1),
        },
    )
    await harness.advance(120)
    assert harness.read_stage_durations(Stage.END_TO_END, StageSource.CANARY) == (1, 0.5)
    assert harness.read_stage_durations(Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR) == (1, 3.0)
    assert harness.read_stage_durations(Stage.LINEAR_ISSUE_CREATION, StageSource.TEMPO) == (0, 0)
    assert harness.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.TEMPO) == (1, 0.1)
    assert harness.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (0, 0)
    assert harness.read_sample("source_disagreements_total", stage="linear_issue_creation") == 1
    # The canary's time is an upper bound, so that it is larger is no disagreement.
    assert harness.read_sample("source_disagreements_total", stage="remediation_selection") == 0
    assert harness.read_sample("linear_issues_total", count="one") == 1
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert linear.cleanup_attempts == [(build_issue_leftover("1"),)]
    assert next(iter(harness.history)).stages[Stage.LINEAR_ISSUE_CREATION].high == 3.0


async def test_disagreement_is_counted_for_every_stage_whoever_told_first(
    harness: ReconcilerHarness,
) -> None:
    """The canary and the reply told first, and their times count; Tempo differs all the same."""
    linear, tempo = ScriptedObserver(), ScriptedObserver(leftover_kind=None, interval=15.0)
    harness.use_observers(linear=linear, tempo=tempo)
    run = build_judged_run("a")
    times: dict[Stage, dict[str, Bounds]] = {
        Stage.CLOUDEVENT_PROCESSING: {StageSource.REPLY: Bounds.exactly(0.5)},
        Stage.LAMBDA_EXECUTION: {StageSource.CANARY: Bounds.exactly(3.0)},
    }
    await harness.finish_run(dataclasses.replace(run, stage_times={**run.stage_times, **times}))
    tempo.observations["a"] = Observation(
        "a",
        {
            Stage.CLOUDEVENT_PROCESSING: Bounds(1.6, 1.7),
            Stage.LAMBDA_EXECUTION: Bounds(0.1, 1.9),
        },
    )
    linear.observations["a"] = Observation("a", issues=IssueCount.ONE)
    await harness.advance(120)
    counted = {
        stage: harness.read_sample("source_disagreements_total", stage=stage)
        for stage in (Stage.CLOUDEVENT_PROCESSING, Stage.LAMBDA_EXECUTION)
    }
    assert counted == dict.fromkeys(counted, 1)


@pytest.mark.parametrize("count", list(IssueCount))
async def test_issues_of_a_run_are_counted(harness: ReconcilerHarness, count: IssueCount) -> None:
    harness.use_observers(
        linear=ScriptedObserver(observations={"a": Observation("a", issues=count)})
    )
    await harness.finish_run(build_judged_run("a"))
    await harness.advance(60)
    assert {
        each: harness.read_sample("linear_issues_total", count=each) for each in IssueCount
    } == {each: float(each is count) for each in IssueCount}
    failed = harness.read_sample(
        "checks_total", criterion="AC1.linear_issue_creation", result="fail"
    )
    assert failed == float(count is IssueCount.NONE)


async def test_an_observer_without_answers_is_given_up(
    harness: ReconcilerHarness, path: Path
) -> None:
    tempo = ScriptedObserver(leftover_kind=None, usual_delay=60.0, max_delay=100.0)
    harness.use_observers(tempo=tempo)
    await harness.finish_run(build_judged_run("a"))
    await harness.advance(50)
    assert harness.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (0, 0)
    await harness.advance(20)
    assert harness.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (1, 2.0)
    assert read_rows(path) == [("a", "judged", "ok")]
    await harness.advance(60)
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert harness.read_stage_durations(Stage.REMEDIATION_SELECTION, StageSource.CANARY) == (1, 2.0)
    asked = len(tempo.queried_runs)
    await harness.advance(100)
    assert len(tempo.queried_runs) == asked
    assert all(harness.read_sample("linear_issues_total", count=each) == 0 for each in IssueCount)


async def test_a_failed_clean_up_is_retried(harness: ReconcilerHarness, path: Path) -> None:
    linear = ScriptedObserver(refuses_cleanup=True)
    linear.observations["a"] = Observation(
        "a", leftovers=(build_issue_leftover("1"), build_issue_leftover("2"))
    )
    harness.use_observers(linear=linear)
    await harness.finish_run(build_judged_run("a"))
    await harness.advance(3600, step=5.0)
    tries = len(linear.cleanup_attempts)
    assert 6 <= tries <= 60  # of 720 steps
    assert harness.overdue_leftovers == 2
    assert harness.read_sample("cleanup_failures_total", kind="linear_issue") == 2 * tries
    assert read_rows(path) == [("a", "observed", "ok")]
    linear.refuses_cleanup = False
    await harness.advance(620, step=5.0)
    assert len(linear.cleanup_attempts) == tries + 1
    assert harness.overdue_leftovers == 0
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert harness.read_stage_durations(Stage.END_TO_END, StageSource.CANARY) == (1, 0.5)


@pytest.mark.parametrize("outage", [9, 500])
async def test_no_leftover_is_overdue_after_an_outage_shorter_than_the_longest_pause(
    harness: ReconcilerHarness, outage: int
) -> None:
    linear = ScriptedObserver(refuses_cleanup=True)
    harness.use_observers(linear=linear)
    for number in range(40):
        await harness.finish_run(build_judged_run(f"{number}", build_issue_leftover(f"{number}")))
    overdue = []
    for _ in range(outage):
        await harness.advance(1, step=1.0)
        overdue.append(harness.overdue_leftovers)
    linear.refuses_cleanup = False
    await harness.advance(620, step=5.0)
    assert set(overdue) == {0}
    assert harness.overdue_leftovers == 0
    assert (harness.read_sample("cleanup_failures_total", kind="linear_issue") or 0) >= 40


async def test_known_leftovers_are_cleaned_up_before_observers_answer(
    harness: ReconcilerHarness, path: Path
) -> None:
    linear, alerts = ScriptedObserver(), ScriptedObserver(leftover_kind=LeftoverKind.ALERT)
    harness.use_observers(linear=linear)
    harness.reconciler.configure(
        {StageSource.LINEAR: linear},
        {LeftoverKind.LINEAR_ISSUE: linear, LeftoverKind.ALERT: alerts},
    )
    await harness.finish_run(build_judged_run("a", ALERT))
    await harness.advance(2)
    assert alerts.cleanup_attempts == [(ALERT,)]
    assert read_rows(path) == [("a", "judged", "ok")]
    linear.observations["a"] = Observation("a", leftovers=(build_issue_leftover("1"),))
    await harness.advance(20)
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert len(alerts.cleanup_attempts) == 1


async def test_a_failed_clean_up_does_not_delay_others(harness: ReconcilerHarness) -> None:
    """Nor does the clean-up of one leftover hide for how long that of the other has failed."""
    alerts = ScriptedObserver(leftover_kind=LeftoverKind.ALERT, refuses_cleanup=True)
    linear = ScriptedObserver(refuses_cleanup=True)
    harness.reconciler.configure(
        {}, {LeftoverKind.ALERT: alerts, LeftoverKind.LINEAR_ISSUE: linear}
    )
    await harness.finish_run(build_judged_run("a", ALERT, build_issue_leftover("1")))
    await harness.advance(400, step=5.0)
    linear.refuses_cleanup = False
    await harness.advance(700, step=5.0)
    assert linear.cleanup_attempts[-1] == (build_issue_leftover("1"),)
    assert harness.overdue_leftovers == 0
    assert harness.read_sample("orphans", kind="alert") == 1


async def test_a_run_that_was_never_sent_is_finished_at_once(
    harness: ReconcilerHarness, path: Path
) -> None:
    linear = ScriptedObserver()
    harness.use_observers(linear=linear)
    await harness.finish_run(build_judged_run("a"), sent=False)
    await harness.advance(20)
    assert (linear.queried_runs, read_rows(path)) == ([], [("a", "cleaned", "ok")])


async def test_a_restart_counts_no_run_twice(path: Path, clock: FakeClock) -> None:
    async with run_harness(path, clock) as harness:
        harness.use_observers(linear=ScriptedObserver())
        due = dataclasses.replace(build_judged_run("a"), due_stages=(Stage.LINEAR_ISSUE_CREATION,))
        await harness.journal.write_run(RunState.JUDGED, due)
        await harness.journal.write_run(
            RunState.OBSERVED, build_judged_run("b", build_issue_leftover("2"))
        )
        await harness.journal.write_run(RunState.CLEANED, build_judged_run("c"))
        await harness.journal.write_run(
            RunState.SENT, create_open_run("remediation", DeliveryPath.DIRECT, "d", 1.7e9)
        )
    async with run_harness(path, clock) as restarted:
        linear = ScriptedObserver()
        took = {Stage.LINEAR_ISSUE_CREATION: Bounds.exactly(1.0)}
        linear.observations["a"] = Observation(
            "a", took, (build_issue_leftover("1"),), IssueCount.ONE
        )
        linear.observations["d"] = Observation(
            "d", leftovers=(build_issue_leftover("4"),), issues=IssueCount.ONE
        )
        restarted.use_observers(linear=linear)
        await restarted.advance(20)
        assert set(linear.queried_runs[0]) == {"a", "d"}
        assert {each for tried in linear.cleanup_attempts for each in tried} == set(
            map(build_issue_leftover, "124")
        )
        assert {row[1] for row in read_rows(path)} == {"cleaned"}
        # What was counted before the restart is not counted again; d is unknown and has no stages.
        assert restarted.read_stage_durations(Stage.END_TO_END, StageSource.CANARY) == (0, 0)
        assert restarted.read_stage_durations(Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR) == (
            1,
            1.0,
        )
        assert restarted.read_sample("linear_issues_total", count="one") == 1


def _raise_disk_full(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


async def test_a_run_is_counted_once_if_its_verdict_is_written_later_or_never(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be written by the next run; while it is not, a restart counts it."""
    labels = {"probe": "remediation", "path": "direct", "accepted": "false"}
    async with run_harness(path, clock) as harness:
        for run_id in "ab":
            open_run = create_open_run("remediation", DeliveryPath.DIRECT, run_id, 1.7e9)
            await harness.journal.write_run(RunState.SENT, open_run)
        with monkeypatch.context() as full_disk:
            full_disk.setattr(SqliteStore, "write", _raise_disk_full)
            await harness.finish_run(build_judged_run("a"), sent=False)
            assert harness.read_sample("probe_runs_total", **labels, verdict="ok") == 0
            await harness.finish_run(build_judged_run("new"), sent=False)
            assert harness.read_sample("probe_runs_total", **labels, verdict="ok") == 1, "not open"
        await harness.finish_run(build_judged_run("c"), sent=False)
        assert harness.read_sample("probe_runs_total", **labels, verdict="ok") == 3
        monkeypatch.setattr(SqliteStore, "write", _raise_disk_full)
        await harness.finish_run(build_judged_run("b"), sent=False)
        assert harness.read_sample("probe_runs_total", **labels, verdict="ok") == 3
    monkeypatch.undo()
    async with run_harness(path, clock) as restarted:
        restarted.count_postponed()
        assert restarted.read_sample("probe_runs_total", **labels, verdict="unknown") == 1


async def test_leftovers_are_kept_while_no_cleaner_is_configured(
    harness: ReconcilerHarness, path: Path
) -> None:
    harness.use_observers(
        linear=ScriptedObserver(
            refuses_cleanup=True,
            observations={"a": Observation("a", leftovers=(build_issue_leftover("1"),))},
        )
    )
    await harness.finish_run(build_judged_run("a"))
    await harness.advance(20)
    harness.use_observers()
    await harness.advance(20)
    assert harness.overdue_leftovers == 1
    assert read_rows(path) == [("a", "observed", "ok")]
    harness.use_observers(linear=ScriptedObserver())
    await harness.advance(620, step=5.0)
    assert harness.overdue_leftovers == 0
    assert read_rows(path) == [("a", "cleaned", "ok")]


async def test_an_added_observer_is_asked_about_pending_runs(harness: ReconcilerHarness) -> None:
    harness.use_observers(tempo=ScriptedObserver(leftover_kind=None))
    await harness.finish_run(build_judged_run("a"))
    linear = ScriptedObserver()
    harness.use_observers(tempo=ScriptedObserver(leftover_kind=None), linear=linear)
    await harness.advance(10)
    assert linear.queried_runs[0] == ("a",)


async def finish_runs_with_issues(harness: ReconcilerHarness, count: int) -> list[Leftover]:
    issues = [build_issue_leftover(f"{number}") for number in range(count)]
    await asyncio.gather(
        *(
            harness.finish_run(build_judged_run(issue.handle, issue, intended_at=1.7e9 - number))
            for number, issue in enumerate(issues)
        )
    )
    return issues


async def test_a_step_cleans_up_all_there_is_in_batches_and_in_order(
    harness: ReconcilerHarness, path: Path
) -> None:
    linear = ScriptedObserver()
    harness.reconciler.configure({}, {LeftoverKind.LINEAR_ISSUE: linear})
    issues = await finish_runs_with_issues(harness, 550)
    await harness.advance(2)
    assert [len(tried) for tried in linear.cleanup_attempts] == [50] * 11
    assert [each for tried in linear.cleanup_attempts for each in tried] == issues
    assert len(harness.reconciler) == 0
    assert {row[1] for row in read_rows(path)} == {"cleaned"}


async def test_of_a_backlog_few_runs_are_in_memory_and_all_are_shown(
    harness: ReconcilerHarness, clock: FakeClock
) -> None:
    linear = ScriptedObserver(refuses_cleanup=True)
    harness.reconciler.configure({}, {LeftoverKind.LINEAR_ISSUE: linear})
    await finish_runs_with_issues(harness, 700)
    await harness.advance(4)
    failures = harness.read_sample("cleanup_failures_total", kind=LeftoverKind.LINEAR_ISSUE)
    assert 50 <= (failures or 0) <= 100, "a batch that failed ends the step"
    assert harness.overdue_leftovers == 0, "nothing is overdue after a short outage"
    assert harness.read_sample("cleanup_backlog") == len(harness.reconciler) == 700
    age = harness.read_sample("cleanup_backlog_age_seconds")
    assert age == pytest.approx(clock.steady() - (1.7e9 - 699))
    assert len(harness.reconciler._cleanup._loaded) == 200
    await harness.advance(3600, step=10.0)
    assert harness.overdue_leftovers == 700
    linear.refuses_cleanup = False
    await harness.advance(620, step=10.0)
    assert (len(harness.reconciler), harness.overdue_leftovers) == (0, 0)
    assert harness.read_sample("cleanup_backlog_age_seconds") == 0


async def test_a_slow_clean_up_holds_up_neither_observers_nor_a_reload(
    harness: ReconcilerHarness, path: Path
) -> None:
    slow, quick = SlowCleaner(), ScriptedObserver()
    harness.use_observers(linear=slow)
    await harness.finish_run(build_judged_run("a", build_issue_leftover("1")))
    await harness.finish_run(build_judged_run("b"))
    slow.observations["b"] = Observation("b")
    await harness.advance(12)
    assert dict(row[:2] for row in read_rows(path)) == {"a": "judged", "b": "cleaned"}
    harness.use_observers(linear=quick)
    waiting = asyncio.create_task(harness.reconciler.wait_for_step())
    await asyncio.sleep(0)
    assert not waiting.done(), "the old cleaner is in use"
    slow.released.set()
    await waiting
    assert slow.cleanup_attempts == [(build_issue_leftover("1"),)]


async def test_a_backlog_survives_a_restart(path: Path, clock: FakeClock) -> None:
    async with run_harness(path, clock) as harness:
        harness.reconciler.configure(
            {}, {LeftoverKind.LINEAR_ISSUE: ScriptedObserver(refuses_cleanup=True)}
        )
        issues = await finish_runs_with_issues(harness, 300)
        await harness.advance(2)
    async with run_harness(path, clock) as restarted:
        linear = ScriptedObserver()
        restarted.reconciler.configure({}, {LeftoverKind.LINEAR_ISSUE: linear})
        await restarted.advance(2)
        assert {each for tried in linear.cleanup_attempts for each in tried} == set(issues)
        assert {row[1] for row in read_rows(path)} == {"cleaned"}


@pytest.mark.parametrize("troubled", [False, True])
async def test_the_sweep_finds_issues_of_unknown_runs(
    harness: ReconcilerHarness, *, troubled: bool
) -> None:
    linear = ScriptedObserver(
        refuses_cleanup=True, orphans=[build_issue_leftover("lost"), build_issue_leftover("known")]
    )
    linear.observations["a"] = Observation("a", leftovers=(build_issue_leftover("known"),))
    harness.use_observers(linear=linear)
    await harness.finish_run(build_judged_run("a"))
    await harness.advance(620, step=5.0)
    assert (
        build_issue_leftover("lost"),
    ) in linear.cleanup_attempts  # the other one is tried again in between
    assert harness.overdue_leftovers == 2
    linear.is_failing = troubled  # then a sweep finds nothing, and what was found still counts
    await harness.advance(610, step=5.0)
    assert harness.overdue_leftovers == 2
    linear.refuses_cleanup = linear.is_failing = False
    linear.orphans = []
    await harness.advance(1300, step=5.0)
    assert harness.overdue_leftovers == 0
    assert (build_issue_leftover("lost"),) in linear.cleanup_attempts[-2:]


def build_load_run(run_id: str) -> Run:
    return dataclasses.replace(build_judged_run(run_id), probe=name_load_probe(Scenario.STRESS))


async def test_only_linear_is_asked_about_load_runs(harness: ReconcilerHarness, path: Path) -> None:
    linear, tempo = ScriptedObserver(), ScriptedObserver(leftover_kind=None)
    linear.observations["a"] = Observation(
        "a",
        {Stage.LINEAR_ISSUE_CREATION: Bounds.exactly(3.0)},
        (build_issue_leftover("1"),),
        IssueCount.ONE,
    )
    harness.use_observers(linear=linear)
    reported: list[tuple[float, IssueCount | None]] = []

    def record_run(run: Run, issues: IssueCount | None) -> None:
        reported.append((run.stages[Stage.LINEAR_ISSUE_CREATION].high, issues))

    with harness.reconciler.listen(record_run):
        await harness.finish_run(build_load_run("a"))
        harness.use_observers(linear=linear, tempo=tempo)
        await harness.advance(30)
    assert (linear.queried_runs, tempo.queried_runs) == ([("a",)], [])
    assert linear.cleanup_attempts == [(build_issue_leftover("1"),)]
    assert reported == [(3.0, IssueCount.ONE)]
    assert read_rows(path) == [("a", "cleaned", "ok")]
    assert harness.read_stage_durations(Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR) == (0, 0)
    assert harness.read_sample("linear_issues_total", count="one") == 0
    labels = {
        "probe": "scenario_stress",
        "path": "direct",
        "verdict": "ok",
        "accepted": "false",
    }
    assert harness.read_sample("probe_runs_total", **labels) is None


async def test_recent_runs_do_not_include_load_runs(harness: ReconcilerHarness) -> None:
    for run in (build_judged_run("a"), build_load_run("b"), build_load_run("c")):
        await harness.finish_run(run)
    assert [run.id for run in await harness.journal.list_recent(2)] == ["a"]
    assert await harness.journal.find_probe("c") == "scenario_stress"
