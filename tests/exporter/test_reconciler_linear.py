"""Reconciler with the Linear observer against the simulated Linear."""

import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter.model.alert import create_run_id
from exporter.model.run import Run
from exporter.observers.linear import Settings, open_observer
from exporter.simulator.linear.server import LinearApi, serve_linear_api
from exporter.simulator.linear.settings import Settings as ApiSettings
from slos.schema.contract import PathProblem, Stage, StageSource, Verdict
from slos.schema.units import Duration
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_harness import read_rows
from tests.exporter.linear.conftest import KEY
from tests.exporter.reconciler_harness import ReconcilerHarness, build_judged_run, run_harness

_LIMIT = "requests_per_hour"
QUICK: dict[str, Any] = {"requests_per_hour": 1_000_000, "linger": Duration.from_parts(seconds=10)}


@dataclass
class LinearHarness:
    """Simulated Linear, and a reconciler whose observer queries it."""

    api: LinearApi
    reconciler: ReconcilerHarness

    def open_issue(self, run: Run, title: str = "[Alert] SloProbeSynthetic") -> str:
        """Open an issue of a run as agent-sre would; return its id."""
        workspace = self.api.handlers.workspace
        text = f"Synthetic.\n\n**Correlation ID**: `{run.id}`"
        fields = {"teamId": workspace.team["id"], "title": title, "description": text}
        return str(workspace.create_issue(fields, self.api.faults.active)["id"])

    async def finish_run_with_issue(self) -> Run:
        """Finish a run now, whose issue was opened two seconds after it began."""
        clock = self.reconciler.clock
        run = build_judged_run(intended_at=clock.wall())
        await clock.advance(2)
        self.open_issue(run)
        await self.reconciler.finish_run(run)
        return run

    @property
    def issue_creation(self) -> tuple[float, float]:
        """Number of measured issue creations, and their mean duration in seconds."""
        count, seconds = self.reconciler.read_stage_durations(
            Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR
        )
        return count or 0, (seconds or 0) / (count or 1)

    def count_untraceable(self, path: str) -> float | None:
        """Return the number of runs on a path whose issue cannot be found."""
        labels = {"path": path, "problem": PathProblem.UNTRACEABLE_ISSUE.value}
        return self.reconciler.read_sample("path_problems_total", **labels)

    @property
    def open_issues(self) -> int:
        """Number of open issues."""
        return sum(issue["archivedAt"] is None for issue in self.api.list_issues())

    def read_issue_count(self, count: str) -> float | None:
        return self.reconciler.read_sample("linear_issues_total", count=count)


@pytest.fixture(autouse=True)
def set_linear_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", KEY)


@contextlib.asynccontextmanager
async def run_linear_harness(
    path: Path,
    clock: FakeClock,
    **options: Any,  # noqa: ANN401 - settings
) -> AsyncIterator[LinearHarness]:
    async with (
        serve_linear_api(ApiSettings(key=KEY), clock=clock) as api,
        run_harness(path, clock) as harness,
        use_linear_observer(path, clock, api, harness, **options),
    ):
        yield LinearHarness(api, harness)


@contextlib.asynccontextmanager
async def use_linear_observer(
    path: Path,
    clock: FakeClock,
    api: LinearApi,
    harness: ReconcilerHarness,
    state: dict[str, Any] | None = None,
    **options: object,
) -> AsyncIterator[None]:
    """Use a Linear observer in place of any earlier one."""
    settings = Settings(url=api.url, key_env="LINEAR_API_KEY", **{**QUICK, **options})
    async with open_observer(
        settings, folder=path.parent, clock=clock, gauges=harness.gauges, state=state
    ) as linear:  # fmt: skip
        harness.use_observers(linear=linear)
        yield


@pytest.fixture
async def harness(path: Path, clock: FakeClock) -> AsyncIterator[LinearHarness]:
    async with run_linear_harness(path, clock) as linear_harness:
        yield linear_harness


async def test_issue_creation_is_measured_and_the_issue_archived(
    harness: LinearHarness, path: Path
) -> None:
    await harness.finish_run_with_issue()
    await harness.reconciler.advance(120)
    count, mean = harness.issue_creation
    assert count == 1
    assert mean == pytest.approx(2.0, abs=0.6)  # the clocks agree within half a second
    assert (
        harness.open_issues,
        harness.read_issue_count("one"),
        harness.reconciler.overdue_leftovers,
    ) == (
        0,
        1,
        0,
    )
    assert {row[1] for row in read_rows(path)} == {"cleaned"}


@pytest.mark.parametrize(
    "title", ["[Alert] SloProbeSynthetic", "[Remediation Failed] SloProbeSynthetic"]
)
async def test_several_issues_of_a_run_are_counted_and_archived(
    harness: LinearHarness, clock: FakeClock, title: str
) -> None:
    run = await harness.finish_run_with_issue()
    harness.open_issue(run, title)
    await harness.reconciler.finish_run(build_judged_run(intended_at=clock.wall()))
    await harness.reconciler.advance(300)
    assert (
        harness.read_issue_count("several"),
        harness.read_issue_count("none"),
        harness.read_issue_count("one"),
    ) == (1, 1, 0)
    assert harness.open_issues == 0


@pytest.mark.parametrize("fault", ["down", "error", "garbage", "unauthorized", "ratelimited:60"])
async def test_runs_during_an_outage_of_linear_are_observed_and_cleaned_up_afterwards(
    harness: LinearHarness, path: Path, fault: str
) -> None:
    harness.api.faults.set(fault)
    for _ in range(60):
        await harness.finish_run_with_issue()
        await harness.reconciler.advance(58, step=5.0)
    # Of the last four minutes nobody expects an answer yet: within, linger and two questions.
    assert 55 <= (harness.reconciler.overdue_leftovers or 0) <= 60
    assert (harness.reconciler.read_sample("observer_failures_total", source="linear") or 0) >= 3
    assert harness.api.counters.requests < 500
    assert harness.open_issues == 60
    harness.api.faults.set("none")
    await harness.reconciler.advance(900, step=5.0)
    assert (harness.open_issues, harness.reconciler.overdue_leftovers) == (0, 0)
    assert harness.read_issue_count("one") == 60
    count, mean = harness.issue_creation
    assert count == 60
    assert mean == pytest.approx(2.0, abs=0.6)
    assert {row[1] for row in read_rows(path)} == {"cleaned"}


async def test_reloads_do_not_keep_a_run_waiting(
    harness: LinearHarness, path: Path, clock: FakeClock
) -> None:
    """Each reload comes before the time to wait for a second issue has passed."""
    await harness.finish_run_with_issue()
    state: dict[str, Any] = {}
    for _ in range(8):
        async with use_linear_observer(
            path, clock, harness.api, harness.reconciler, state, every=Duration(2000)
        ):
            await harness.reconciler.advance(8)
    assert harness.read_issue_count("one") == 1
    assert harness.open_issues == 0


async def test_the_default_rate_limit_suffices_for_many_runs(path: Path, clock: FakeClock) -> None:
    """A run every 3.5 s, and 100 more at once in the middle."""
    async with run_linear_harness(
        path, clock, requests_per_hour=Settings.model_fields[_LIMIT].default
    ) as harness:
        for number in range(150):
            for _ in range(101 if number == 100 else 1):
                run = build_judged_run(intended_at=clock.wall())
                harness.open_issue(run)
                await harness.reconciler.finish_run(run)
            await harness.reconciler.advance(3.5, step=3.5)
        await harness.reconciler.advance(150, step=5)
        assert (harness.open_issues, harness.reconciler.overdue_leftovers) == (0, 0)
        assert harness.api.counters.requests < 60, (
            "of about 120 that the limit lets pass in that time"
        )


async def test_issues_that_cannot_be_archived_are_overdue(harness: LinearHarness) -> None:
    harness.api.faults.set("forbidden")
    await harness.finish_run_with_issue()
    await harness.reconciler.advance(3600, step=5.0)
    assert (harness.open_issues, harness.reconciler.overdue_leftovers) == (1, 1)
    assert (harness.reconciler.read_sample("cleanup_failures_total", kind="linear_issue") or 0) >= 5
    harness.api.faults.set("none")
    await harness.reconciler.advance(700, step=5.0)
    assert (
        harness.open_issues,
        harness.reconciler.overdue_leftovers,
        harness.read_issue_count("one"),
    ) == (
        0,
        0,
        1,
    )


async def test_the_issue_of_a_converted_event_is_archived(harness: LinearHarness) -> None:
    event_id = str(uuid.uuid4())
    run = build_judged_run(intended_at=harness.reconciler.clock.wall())
    harness.open_issue(dataclasses.replace(run, id=event_id), title="[Alert] unknown")
    await harness.reconciler.finish_run(
        dataclasses.replace(run, path="alertmanager", aliases=(event_id,))
    )
    await harness.reconciler.advance(200)
    assert harness.open_issues == 0
    assert harness.reconciler.read_sample("linear_issues_total", count="one") == 1
    assert harness.count_untraceable("alertmanager") == 0


async def test_a_run_whose_issue_cannot_be_found_is_counted_and_misses_no_target(
    harness: LinearHarness, caplog: pytest.LogCaptureFixture
) -> None:
    run = build_judged_run(intended_at=harness.reconciler.clock.wall())
    harness.open_issue(dataclasses.replace(run, id=str(uuid.uuid4())), title="[Alert] unknown")
    for path in ("alertmanager", "direct"):
        lost = dataclasses.replace(run, id=create_run_id(), path=path, verdict=Verdict.LOST)
        await harness.reconciler.finish_run(lost)
    await harness.reconciler.advance(200)
    assert harness.open_issues == 1, "it may be that of a real alert"
    assert [harness.count_untraceable(path) for path in ("alertmanager", "direct")] == [1, 0]
    assert harness.reconciler.read_sample("linear_issues_total", count="none") == 1
    missed = {"criterion": "AC1.linear_issue_creation", "result": "fail"}
    assert harness.reconciler.read_sample("checks_total", **missed) == 1
    assert "cannot be found and archived" in caplog.text


async def test_issues_without_a_run_in_the_journal_are_archived(harness: LinearHarness) -> None:
    harness.open_issue(build_judged_run())
    workspace = harness.api.handlers.workspace
    real = {"teamId": workspace.team["id"], "title": "[Alert] PodCrashLooping"}
    workspace.create_issue({**real, "description": "a pod"}, harness.api.faults.active)
    await harness.reconciler.advance(3000, step=5.0)
    assert harness.open_issues == 2  # it may still belong to a run under way somewhere
    await harness.reconciler.advance(1300, step=5.0)
    assert [each["title"] for each in harness.api.list_issues() if each["archivedAt"] is None] == [
        "[Alert] PodCrashLooping"
    ]
    assert [harness.read_issue_count(count) for count in ("one", "several", "none")] == [0, 0, 0]


@pytest.mark.parametrize("skew", [-3600, -5, 5, 3600])
async def test_durations_are_right_when_the_clock_of_linear_is_wrong(
    harness: LinearHarness, skew: int
) -> None:
    harness.api.faults.set(f"skew:{skew}")
    for _ in range(10):
        await harness.finish_run_with_issue()
        await harness.reconciler.advance(33.3)
    await harness.reconciler.advance(300)
    count, mean = harness.issue_creation
    assert count >= 8
    assert mean == pytest.approx(2.0, abs=0.6)
    assert harness.reconciler.read_sample("clock_skew_seconds", peer="linear") == pytest.approx(
        skew, abs=1
    )
    assert harness.open_issues == 0


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_durations_are_right_after_a_step_of_the_own_clock(
    harness: LinearHarness, clock: FakeClock, step: float
) -> None:
    plan = clock.wall()  # slots are counted from the clock as it was at the start
    begun = clock.now()
    clock._offset += step
    clock_of_linear = -step  # which did not step
    harness.api.faults.set(f"skew:{clock_of_linear}")
    for _ in range(5):
        run = build_judged_run(intended_at=plan + clock.now() - begun)
        await clock.advance(2)
        harness.open_issue(run)
        await harness.reconciler.finish_run(run)
        await harness.reconciler.advance(60)
    await harness.reconciler.advance(300)
    count, mean = harness.issue_creation
    assert count >= 4
    assert mean == pytest.approx(2.0, abs=0.6)
    assert harness.open_issues == 0


@pytest.mark.parametrize("step", [-10_800.0, 10_800.0])
async def test_durations_are_right_after_a_clock_step_and_a_reload(
    harness: LinearHarness, path: Path, clock: FakeClock, step: float
) -> None:
    run = build_judged_run(intended_at=clock.steady())
    await clock.advance(2)
    harness.open_issue(run)
    await harness.reconciler.finish_run(run)
    clock._offset += step
    harness.api.faults.set(f"skew:{-step}")  # Linear's own clock is right all the time
    async with use_linear_observer(path, clock, harness.api, harness.reconciler):
        await harness.reconciler.advance(400)
        count, mean = harness.issue_creation
        assert count == 1
        assert mean == pytest.approx(2.0, abs=1.0)
        assert harness.open_issues == 0
