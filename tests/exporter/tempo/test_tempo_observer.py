"""Aftercare with a small Tempo: whose word counts, and how long it is waited for."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from exporter.observers import Question
from exporter.observers.tempo import Observer, Settings, observer
from exporter.result import ProbeResult
from slos.schema.contract import Source, Stage
from tests.exporter.care_desk import Desk, desk, judged
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import rows
from tests.exporter.tempo.fake_tempo import FakeTempo
from tests.exporter.tempo.recorded import SENT_AT, changed, handled, without

SENT = "0af7651916cd43dd8448eb211c80319c"
SELECTION, VERIFICATION = Stage.REMEDIATION_SELECTION, Stage.VERIFICATION


@dataclass
class Office:
    """Tempo, who asks it, and the desk that asks both."""

    tempo: FakeTempo
    observer: Observer
    desk: Desk

    async def run(self, **changes: Any) -> ProbeResult:  # noqa: ANN401 - as `replace`
        run = replace(judged(at=self.desk.clock.wall()), **changes)
        await self.desk.end(run)
        return run

    def selections(self) -> tuple[float | None, float]:
        """How many selections it timed, and the sum of their times."""
        count, seconds = self.desk.took(SELECTION, Source.TEMPO)
        return count, round(seconds or 0.0, 6)

    @property
    def failures(self) -> float | None:
        return self.desk.sample("observer_failures_total", source="tempo")


@contextlib.asynccontextmanager
async def office(
    path: Path,
    clock: FakeClock,
    serving: Serve,
    **settings: Any,  # noqa: ANN401 - of any type
) -> AsyncIterator[Office]:
    tempo = FakeTempo()
    given = {"url": await serving(tempo.app()), "retries": 0, **settings}
    async with (
        desk(path, clock) as at,
        observer(
            Settings.model_validate(given), folder=path.parent, clock=clock, gauges=at.gauges
        ) as made,
    ):
        at.use(tempo=made)
        yield Office(tempo, made, at)


async def test_a_trace_knows_best(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with office(path, clock, serving) as at:
        run = await at.run()
        assert at.desk.took(SELECTION, Source.TEMPO) == (0, 0)
        at.tempo.traces = {SENT: handled(run.id)}
        await at.desk.wait(20)
        assert at.selections() == (1, 0.11)
        assert at.desk.took(SELECTION, Source.CANARY) == (0, 0)
        assert at.desk.took(VERIFICATION, Source.TEMPO) == (0, 0)
        assert {row[1] for row in rows(path)} == {"cleaned"}


async def test_without_trace_canary_counts(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with office(path, clock, serving) as at:
        await at.run()
        await at.desk.wait(118)
        assert at.desk.took(SELECTION, Source.CANARY) == (0, 0)
        await at.desk.wait(30)
        assert at.desk.took(SELECTION, Source.CANARY) == (1, 2.0)
        assert {row[1] for row in rows(path)} == {"cleaned"}


async def test_a_partial_trace_is_read_again(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with office(path, clock, serving) as at:
        run = await at.run()
        whole = handled(run.id)
        at.tempo.traces = {SENT: without(whole, "cloudevent.handle", "lambda_function.call")}
        await at.desk.wait(60)
        assert at.desk.took(SELECTION, Source.TEMPO) == (0, 0)
        at.tempo.traces = {SENT: whole}
        await at.desk.wait(20)
        assert at.selections() == (1, 0.11)


async def test_span_errors_count_once_a_run(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with office(path, clock, serving) as at:
        assert at.desk.sample("span_errors_total", span="alert.process") == 0
        run = await at.run()
        bad = changed(handled(run.id), "lambda_function.call", error=True)
        at.tempo.traces = {SENT: without(bad, "cloudevent.handle")}
        await at.desk.wait(40)
        assert at.desk.sample("span_errors_total", span="lambda_function.call") == 0
        at.tempo.traces = {SENT: bad}
        await at.desk.wait(120)
        assert at.desk.sample("span_errors_total", span="lambda_function.call") == 1
        assert at.desk.sample("span_errors_total", span="alert.process") == 0


async def test_a_renamed_event_is_found(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with office(path, clock, serving) as at:
        await at.run(aliases=("converted-7",))
        at.tempo.traces = {SENT: handled("converted-7")}
        await at.desk.wait(20)
        await at.desk.wait(120)
        assert at.selections() == (1, 0.11)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_clock_was_set(path: Path, clock: FakeClock, serving: Serve, step: float) -> None:
    """Slots count on from the clock as it was at the start; traces have the time of now."""
    async with office(path, clock, serving) as at:
        plan = clock.wall()
        clock._offset += step
        run = await at.run(intended_at=plan)
        began = clock.wall()
        at.tempo.traces = {SENT: handled(run.id, at=began - SENT_AT)}
        await at.desk.wait(20)
        (query, *_) = at.tempo.queries
        assert float(query["start"]) <= began <= float(query["end"])
        assert at.selections() == (1, 0.11)


async def test_a_hanging_tempo_is_given_up(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with office(path, clock, serving, timeout="50ms") as at:
        at.tempo.hang = True
        for _ in range(50):
            await at.run(trace_id=SENT)
        await at.desk.wait(2)
        assert len(at.tempo.asked) == at.failures == 3
        assert at.observer.troubled


async def test_retry_after_is_kept(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with office(path, clock, serving) as at:
        at.tempo.search_status, at.tempo.headers = 429, {"Retry-After": "60"}
        run = await at.run()
        await at.desk.wait(58)
        assert at.tempo.asked == ["/api/search"]
        at.tempo.search_status, at.tempo.traces = 200, {SENT: handled(run.id)}
        await at.desk.wait(20)
        assert at.selections() == (1, 0.11)


async def test_nothing_that_tempo_does_raises(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with office(path, clock, serving) as at:
        question = Question("run", ("run",), SENT, clock.wall())
        at.tempo.broken = {SENT: b'{"batches": [{"scopeSpans": [{"spans": [7, {}, null]}]}, 3]}'}
        assert await at.observer.look([question]) == []
        assert list(await at.observer.sweep(clock.wall())) == []
