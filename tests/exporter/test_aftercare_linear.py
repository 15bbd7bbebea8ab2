"""Aftercare with the stand-in for Linear: down for an hour, slow to show, wrong about the time."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter.observers.linear import Settings, observer
from exporter.result import ProbeResult
from exporter.simulator.linear_api.server import LinearApi, running_linear_api
from exporter.simulator.linear_api.settings import Settings as ApiSettings
from slos.schema.contract import Source, Stage
from slos.schema.units import Duration
from tests.exporter.care_desk import Desk, desk, judged
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import rows
from tests.exporter.linear.desk import KEY

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


async def test_an_issue_is_timed_and_archived(path: Path, clock: FakeClock) -> None:
    async with office(path, clock) as at:
        await at.run()
        await at.desk.wait(120)
        count, seconds = at.desk.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR)
        assert count == 1
        assert seconds == pytest.approx(2.0, abs=0.6)  # the clocks agree within half a second
        assert (at.left, at.issues("one"), at.desk.orphans) == (0, 1, 0)
        assert {row[1] for row in rows(path)} == {"cleaned"}


async def test_several_issues_are_archived(path: Path, clock: FakeClock) -> None:
    async with office(path, clock) as at:
        twice = await at.run()
        at.open(twice)
        at.open(twice, "[Remediation Failed] SloProbeSynthetic")
        await at.desk.end(judged(at=clock.wall()))
        await at.desk.wait(300)
        assert (at.issues("several"), at.issues("none"), at.issues("one")) == (1, 1, 0)
        assert at.left == 0


@pytest.mark.parametrize("fault", ["down", "error", "garbage", "unauthorized", "ratelimited:60"])
async def test_an_hour_without_linear(path: Path, clock: FakeClock, fault: str) -> None:
    async with office(path, clock) as at:
        at.api.faults.set(fault)
        for _ in range(60):
            await at.run()
            await at.desk.wait(58)
        # Of the last four minutes nobody expects an answer yet: within, linger and two questions.
        assert 55 <= (at.desk.orphans or 0) <= 60
        assert (at.desk.sample("observer_failures_total", source="linear") or 0) >= 3
        assert at.api.served.requests < 500
        assert at.left == 60
        at.api.faults.set("none")
        await at.desk.wait(900)
        assert (at.left, at.desk.orphans) == (0, 0)
        assert at.issues("one") == 60
        count, seconds = at.desk.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR)
        assert count == 60
        assert (seconds or 0) / 60 == pytest.approx(2.0, abs=0.6)
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


async def test_unarchived_issues_are_orphans(path: Path, clock: FakeClock) -> None:
    async with office(path, clock) as at:
        at.api.faults.set("forbidden")
        await at.run()
        await at.desk.wait(3600)
        assert (at.left, at.desk.orphans) == (1, 1)
        assert (at.desk.sample("cleanup_failures_total", kind="linear_issue") or 0) >= 5
        at.api.faults.set("none")
        await at.desk.wait(700)
        assert (at.left, at.desk.orphans, at.issues("one")) == (0, 0, 1)


async def test_forgotten_issues_are_archived(path: Path, clock: FakeClock) -> None:
    async with office(path, clock) as at:
        at.open(judged())
        workspace = at.api.face.workspace
        real = {"teamId": workspace.team["id"], "title": "[Alert] PodCrashLooping"}
        workspace.create({**real, "description": "a pod"}, at.api.faults.active)
        await at.desk.wait(3000)
        assert at.left == 2  # it may still belong to a run under way somewhere
        await at.desk.wait(1300)
        assert [each["title"] for each in at.api.issues() if each["archivedAt"] is None] == [
            "[Alert] PodCrashLooping"
        ]
        assert [at.issues(count) for count in ("one", "several", "none")] == [0, 0, 0]


@pytest.mark.parametrize("skew", [-3600, -5, 5, 3600])
async def test_a_wrong_clock_of_linear(path: Path, clock: FakeClock, skew: int) -> None:
    async with office(path, clock) as at:
        at.api.faults.set(f"skew:{skew}")
        for _ in range(10):
            await at.run()
            await at.desk.wait(33.3)
        await at.desk.wait(300)
        count, seconds = at.desk.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR)
        assert (count or 0) >= 8
        assert (seconds or 0) / (count or 1) == pytest.approx(2.0, abs=0.6)
        assert at.desk.sample("clock_skew_seconds", peer="linear") == pytest.approx(skew, abs=1)
        assert at.left == 0


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_a_step_of_our_own_clock(path: Path, clock: FakeClock, step: float) -> None:
    async with office(path, clock) as at:
        plan = clock.wall()  # slots are counted from the clock as it was at the start
        begun = clock.now()
        clock._offset += step
        clock_of_linear = -step  # which did not step
        at.api.faults.set(f"skew:{clock_of_linear}")
        for _ in range(5):
            run = judged(at=plan + clock.now() - begun)
            await clock.advance(2)
            at.open(run)
            await at.desk.end(run)
            await at.desk.wait(60)
        await at.desk.wait(300)
        count, seconds = at.desk.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR)
        assert (count or 0) >= 4
        assert (seconds or 0) / (count or 1) == pytest.approx(2.0, abs=0.6)
        assert at.left == 0


@pytest.mark.parametrize("step", [-10_800.0, 10_800.0])
async def test_a_reload_after_a_clock_step(path: Path, clock: FakeClock, step: float) -> None:
    async with office(path, clock) as at:
        run = judged(at=clock.steady())
        await clock.advance(2)
        at.open(run)
        await at.desk.end(run)
        clock._offset += step
        at.api.faults.set(f"skew:{-step}")  # Linear's own clock is right all the time
        async with asking(path, clock, at.api, at.desk):
            await at.desk.wait(400)
            count, seconds = at.desk.took(Stage.LINEAR_ISSUE_CREATION, Source.LINEAR)
            assert count == 1
            assert seconds == pytest.approx(2.0, abs=1.0)
            assert at.left == 0
