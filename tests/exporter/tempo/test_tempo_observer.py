"""Finding traces in a small Tempo, and aftercare with it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.httpclient.client import HttpSource
from exporter.httpclient.errors import SourceFault
from exporter.model.run import ProbeResult
from exporter.observers import Question
from exporter.observers.tempo import Observer, Settings, client, observer
from exporter.observers.tempo.client import Found, Tempo
from exporter.observers.tempo.settings import TempoSettings
from exporter.observers.tempo.stages import Part, Rules, stages
from slos.schema.contract import Source, Stage
from tests.exporter.care_desk import Desk, desk, judged
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_desk import rows
from tests.exporter.source_desk import QuickClock
from tests.exporter.tempo.recorded import (
    SENT_AT,
    SHAPES,
    Drawn,
    FakeTempo,
    changed,
    handled,
    without,
)

SEARCHED = "000000000000000000000000000abcde"
SENT = "0af7651916cd43dd8448eb211c80319c"
SINCE, UNTIL = 1_700_000_000.7, 1_700_000_060.2


async def find(
    tempo: FakeTempo, serving: Serve, wanted: dict[str, str | None], **settings: object
) -> Found:
    rest = {"url": await serving(tempo.app()), "retries": 0} | settings
    made = TempoSettings.model_validate(rest)
    async with HttpSource("tempo", made, folder=Path(), clock=QuickClock()) as source:
        return await Tempo(source, made).find(wanted, since=SINCE, until=UNTIL)


def faults(found: Found) -> list[SourceFault]:
    return [error.fault for error in found.errors]


async def test_a_trace_is_found_by_its_correlation_id(serving: Serve) -> None:
    tempo = FakeTempo({SEARCHED: handled("run"), SENT: handled("other")})
    found = await find(tempo, serving, {"run": SENT})
    assert (list(found.traces), found.errors) == (["run"], [])
    assert stages(found.traces["run"], correlation_id="run").whole
    assert tempo.asked == ["/api/search", f"/api/traces/{SEARCHED}"]
    (query,) = tempo.queries
    assert query["q"] == '{ span.correlation_id = "run" }'
    assert (query["start"], query["end"]) == ("1700000000", "1700000061")


async def test_the_newer_way_to_read_a_trace_is_a_matter_of_settings(serving: Serve) -> None:
    tempo = FakeTempo({SEARCHED: handled("run")}, shape=SHAPES["tempo 2, v2"])
    found = await find(tempo, serving, {"run": None}, trace_api="v2")
    assert list(found.traces) == ["run"]
    assert tempo.asked[-1] == f"/api/v2/traces/{SEARCHED}"


async def test_what_no_search_finds_is_found_by_the_trace_id_that_was_sent(serving: Serve) -> None:
    tempo = FakeTempo({SENT: handled("run")}, searchable=False)
    found = await find(tempo, serving, {"run": SENT, "lost": None})
    assert list(found.traces) == ["run"]
    assert tempo.asked == ["/api/search", f"/api/traces/{SENT}"]


async def test_the_probers_own_spans_are_no_trace_of_the_event(serving: Serve) -> None:
    own = [Drawn(1, "probe", 0.0, 1.0, service="slo-probe")]
    found = await find(FakeTempo({SENT: own}), serving, {"run": SENT})
    assert (found.traces, found.errors) == ({}, [])


async def test_spans_that_are_still_on_their_way_are_found_later(serving: Serve) -> None:
    tempo = FakeTempo({SENT: handled("run")}, visible_after=4)
    looks = [await find(tempo, serving, {"run": SENT}) for _ in range(3)]
    assert [list(found.traces) for found in looks] == [[], [], ["run"]]
    assert [found.errors for found in looks] == [[], [], []]


async def test_many_events_share_one_search(serving: Serve) -> None:
    wanted: dict[str, str | None] = {f"run-{number}": None for number in range(25)}
    tempo = FakeTempo({f"{n:032x}": handled(name) for n, name in enumerate(wanted, 1)})
    found = await find(tempo, serving, wanted)
    assert set(found.traces) == set(wanted)
    assert [len(query["q"].split("||")) for query in tempo.queries] == [20, 5]


async def test_two_traces_of_one_event_are_one(serving: Serve) -> None:
    tempo = FakeTempo({SEARCHED: handled("run"), SENT: handled("run", first=20, at=3.0)})
    found = await find(tempo, serving, {"run": None})
    times = stages(found.traces["run"], correlation_id="run")
    assert times.repeated == {Part.HANDLE: 1}
    assert times.stages[Stage.LAMBDA_EXECUTION] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "broken", [b"", b"<html>", b"[]", b'{"trace": 7}', b"\xff", b"[" * 100_000, b'{"batches": [']
)
async def test_one_malformed_trace_does_not_hide_the_others(serving: Serve, broken: bytes) -> None:
    tempo = FakeTempo({SEARCHED: handled("bad"), SENT: handled("run")}, broken={SEARCHED: broken})
    found = await find(tempo, serving, {"bad": None, "run": None})
    assert list(found.traces) == ["run"]
    assert faults(found) == [SourceFault.BAD_ANSWER]


async def test_a_search_that_is_refused_leaves_the_way_by_trace_id(serving: Serve) -> None:
    tempo = FakeTempo({SENT: handled("run")}, search_status=400)
    found = await find(tempo, serving, {"run": SENT})
    assert (list(found.traces), faults(found)) == (["run"], [SourceFault.BAD_ANSWER])


@pytest.mark.parametrize(
    ("status", "fault"), [(401, SourceFault.UNAUTHORIZED), (429, SourceFault.RATE_LIMITED)]
)
async def test_a_refusal_ends_the_looking(serving: Serve, status: int, fault: SourceFault) -> None:
    tempo = FakeTempo({SENT: handled("run")}, search_status=status)
    found = await find(tempo, serving, {f"run-{number}": SENT for number in range(25)})
    assert (found.traces, faults(found), tempo.asked) == ({}, [fault], ["/api/search"])


async def test_slow_answers_are_timeouts(serving: Serve) -> None:
    found = await find(FakeTempo(hang=True), serving, {"run": SENT}, timeout="50ms")
    assert faults(found) == [SourceFault.TIMEOUT, SourceFault.TIMEOUT]


async def test_nobody_there_is_said_once() -> None:
    made = TempoSettings.model_validate({"url": "http://127.0.0.1:9", "retries": 0})
    async with HttpSource("tempo", made, folder=Path(), clock=QuickClock()) as source:
        found = await Tempo(source, made).find({"run": SENT}, since=SINCE, until=UNTIL)
    assert faults(found) == [SourceFault.UNREACHABLE]


def test_an_id_cannot_leave_its_quotes() -> None:
    asked = client.search_parameters(['a" || true || "\\'], since=1.0, until=1.0)
    assert asked["q"] == '{ span.correlation_id = "a\\" || true || \\"\\\\" }'
    assert (asked["start"], asked["end"]) == ("1", "2")


@pytest.mark.parametrize("answer", [None, [], "x", {"traces": 7}])
def test_what_is_no_answer_to_a_search_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match="no list of traces"):
        client.trace_ids(answer)


def test_a_search_names_each_trace_once_and_in_full() -> None:
    listed = [{"traceID": "AB"}, {"traceID": "ab"}, {"traceID": "../x"}, {"traceID": 7}, {}, None]
    assert client.trace_ids({"traces": listed}) == ["ab".zfill(32)]
    assert client.trace_ids({"traces": None}) == client.trace_ids({}) == []


@given(st.text())
def test_a_trace_id_is_safe_in_a_path_or_none(written: str) -> None:
    assert client.trace_id(written) == "" or set(client.trace_id(written)) <= set(
        "0123456789abcdef"
    )


def test_the_settings_of_tempo_are_those_of_the_house() -> None:
    made = TempoSettings.model_validate({"url": "http://tempo:3200", "linear_hosts": ["Lin.Test"]})
    assert made.rules == Rules(linear_hosts=frozenset({"lin.test"}))
    assert [n for n, field in TempoSettings.model_fields.items() if not field.description] == []


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


@pytest.fixture
async def at(path: Path, clock: FakeClock, serving: Serve) -> AsyncIterator[Office]:
    async with office(path, clock, serving) as made:
        yield made


async def test_a_trace_knows_best(at: Office, path: Path) -> None:
    run = await at.run()
    assert at.desk.took(SELECTION, Source.TEMPO) == (0, 0)
    at.tempo.traces = {SENT: handled(run.id)}
    await at.desk.wait(20)
    assert at.selections() == (1, 0.11)
    assert at.desk.took(SELECTION, Source.CANARY) == (0, 0)
    assert at.desk.took(VERIFICATION, Source.TEMPO) == (0, 0)
    assert {row[1] for row in rows(path)} == {"cleaned"}


async def test_without_trace_canary_counts(at: Office, path: Path) -> None:
    await at.run()
    await at.desk.wait(118)
    assert at.desk.took(SELECTION, Source.CANARY) == (0, 0)
    await at.desk.wait(30)
    assert at.desk.took(SELECTION, Source.CANARY) == (1, 2.0)
    assert {row[1] for row in rows(path)} == {"cleaned"}


async def test_a_partial_trace_is_read_again(at: Office) -> None:
    run = await at.run()
    whole = handled(run.id)
    at.tempo.traces = {SENT: without(whole, "cloudevent.handle", "lambda_function.call")}
    await at.desk.wait(60)
    assert at.desk.took(SELECTION, Source.TEMPO) == (0, 0)
    at.tempo.traces = {SENT: whole}
    await at.desk.wait(20)
    assert at.selections() == (1, 0.11)


async def test_span_errors_count_once_a_run(at: Office) -> None:
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


async def test_a_renamed_event_is_found(at: Office) -> None:
    await at.run(aliases=("converted-7",))
    at.tempo.traces = {SENT: handled("converted-7")}
    await at.desk.wait(20)
    await at.desk.wait(120)
    assert at.selections() == (1, 0.11)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_clock_was_set(at: Office, clock: FakeClock, step: float) -> None:
    """Slots count on from the clock as it was at the start; traces have the time of now."""
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


async def test_retry_after_is_kept(at: Office) -> None:
    at.tempo.search_status, at.tempo.headers = 429, {"Retry-After": "60"}
    run = await at.run()
    await at.desk.wait(58)
    assert at.tempo.asked == ["/api/search"]
    at.tempo.search_status, at.tempo.traces = 200, {SENT: handled(run.id)}
    await at.desk.wait(20)
    assert at.selections() == (1, 0.11)


async def test_nothing_that_tempo_does_raises(at: Office, clock: FakeClock) -> None:
    question = Question("run", ("run",), SENT, clock.wall())
    at.tempo.broken = {SENT: b'{"batches": [{"scopeSpans": [{"spans": [7, {}, null]}]}, 3]}'}
    assert await at.observer.look([question]) == []
    assert list(await at.observer.sweep(clock.wall())) == []
