"""After the verdict: who is asked, what is counted, and that nothing is left behind."""

import dataclasses
from pathlib import Path

import pytest

from exporter.journal import State, opened
from exporter.observers import Sighting
from exporter.result import Leaving
from slos.schema.contract import IssueCount, Leavings, Route, Source, Stage
from tests.exporter.care_desk import Told, desk, issue, judged
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import rows

ALERT = Leaving(Leavings.ALERT, "remediation slo-probe-1 1.0")


async def test_times_of_both_are_merged(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
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
async def test_issues_of_a_run_are_counted(path: Path, clock: FakeClock, count: IssueCount) -> None:
    async with desk(path, clock) as at:
        at.use(linear=Told(knows={"a": Sighting("a", issues=count)}))
        await at.end(judged("a"))
        await at.wait(60)
        assert {each: at.sample("linear_issues_total", count=each) for each in IssueCount} == {
            each: float(each is count) for each in IssueCount
        }
        failed = at.sample("checks_total", criterion="AC1.linear_issue_creation", result="fail")
        assert failed == float(count is IssueCount.NONE)


async def test_a_silent_observer_is_given_up(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
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


async def test_clean_up_is_retried(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
        linear = Told(refuses=True)
        linear.knows["a"] = Sighting("a", leavings=(issue("1"), issue("2")))
        at.use(linear=linear)
        await at.end(judged("a"))
        await at.wait(3600, step=1.0)
        tries = len(linear.tried)
        assert 6 <= tries <= 60  # of 3,600 steps
        assert at.orphans == 2
        assert at.sample("cleanup_failures_total", kind="linear_issue") == 2 * tries
        assert rows(path) == [("a", "observed", "ok")]
        linear.refuses = False
        await at.wait(620, step=1.0)
        assert len(linear.tried) == tries + 1
        assert at.orphans == 0
        assert rows(path) == [("a", "cleaned", "ok")]
        assert at.took(Stage.END_TO_END, Source.CANARY) == (1, 0.5)


async def test_clean_up_starts_at_once(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
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


async def test_failed_clean_up_holds_up_nothing(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
        alerts = Told(cleans=Leavings.ALERT, refuses=True)
        linear = Told(refuses=True)
        at.aftercare.use({}, {Leavings.ALERT: alerts, Leavings.LINEAR_ISSUE: linear})
        await at.end(judged("a", ALERT, issue("1")))
        await at.wait(10)
        linear.refuses = False
        await at.wait(700)
        assert linear.tried[-1] == (issue("1"),)
        assert at.orphans == 0
        assert at.sample("orphans", kind="alert") == 1


async def test_a_run_that_was_never_sent_is_finished_at_once(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
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


async def test_orphans_outlive_their_cleaner(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
        at.use(linear=Told(refuses=True, knows={"a": Sighting("a", leavings=(issue("1"),))}))
        await at.end(judged("a"))
        await at.wait(20)
        at.use()
        await at.wait(20)
        assert at.orphans == 1
        assert rows(path) == [("a", "observed", "ok")]
        at.use(linear=Told())
        await at.wait(620)
        assert at.orphans == 0
        assert rows(path) == [("a", "cleaned", "ok")]


async def test_an_added_observer_is_asked(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
        at.use(tempo=Told(cleans=None))
        await at.end(judged("a"))
        linear = Told()
        at.use(tempo=Told(cleans=None), linear=linear)
        await at.wait(10)
        assert linear.asked[0] == ("a",)


async def test_many_clean_ups_are_done_in_parts(path: Path, clock: FakeClock) -> None:
    async with desk(path, clock) as at:
        linear = Told()
        at.aftercare.use({}, {Leavings.LINEAR_ISSUE: linear})
        for number in range(50):
            await at.end(judged(f"{number}", issue(f"{number}")))
        await at.wait(6)
        assert [len(tried) for tried in linear.tried] == [20, 20, 10]
        assert len(at.aftercare) == 0


@pytest.mark.parametrize("troubled", [False, True])
async def test_the_sweep_finds_lost_issues(path: Path, clock: FakeClock, *, troubled: bool) -> None:
    async with desk(path, clock) as at:
        linear = Told(refuses=True, stray=[issue("lost"), issue("known")])
        linear.knows["a"] = Sighting("a", leavings=(issue("known"),))
        at.use(linear=linear)
        await at.end(judged("a"))
        await at.wait(610)
        assert (issue("lost"),) in linear.tried  # the other one is tried again in between
        assert at.orphans == 2
        linear.troubled = troubled  # then a sweep finds nothing, and what was found still counts
        await at.wait(610)
        assert at.orphans == 2
        linear.refuses = linear.troubled = False
        linear.stray = []
        await at.wait(1300)
        assert at.orphans == 0
        assert (issue("lost"),) in linear.tried[-2:]
