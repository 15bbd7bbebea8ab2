"""Tempo observer with a fake Tempo and a reconciler."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.httpclient.client import HttpClient
from exporter.model.error_kind import ErrorKind
from exporter.model.run import Run
from exporter.observers import RunQuery
from exporter.observers.tempo import Settings, TempoObserver, client, open_observer
from exporter.observers.tempo.client import TempoClient, TempoSettings, TraceSearch
from exporter.observers.tempo.spans import SpanRules
from exporter.observers.tempo.stages import compute_stage_times
from exporter.reference.schema import describe_fields
from slos.schema.contract import Stage, StageSource
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.journal_harness import read_rows
from tests.exporter.reconciler_harness import ReconcilerHarness, build_judged_run, run_harness
from tests.exporter.scripted_server import InstantSleepClock
from tests.exporter.tempo.traces import (
    SENT_AT,
    TEMPO_FORMATS,
    DrawnSpan,
    FakeTempo,
    change_span,
    draw_handled_alert,
    remove_spans,
)

SEARCHED = "000000000000000000000000000abcde"
SENT = "0af7651916cd43dd8448eb211c80319c"
SINCE, UNTIL = 1_700_000_000.7, 1_700_000_060.2


async def find(
    tempo: FakeTempo, serving: Serve, wanted: dict[str, str | None], **settings: object
) -> TraceSearch:
    rest = {"url": await serving(tempo.app()), "retries": 0} | settings
    made = TempoSettings.model_validate(rest)
    async with HttpClient("tempo", made, folder=Path(), clock=InstantSleepClock()) as source:
        return await TempoClient(source, made).find_traces(wanted, since=SINCE, until=UNTIL)


def list_faults(found: TraceSearch) -> list[ErrorKind]:
    return [error.kind for error in found.errors]


async def test_a_trace_is_found_by_its_correlation_id(serving: Serve) -> None:
    tempo = FakeTempo({SEARCHED: draw_handled_alert("run"), SENT: draw_handled_alert("other")})
    found = await find(tempo, serving, {"run": SENT})
    assert (list(found.traces), found.errors) == (["run"], [])
    assert compute_stage_times(found.traces["run"], correlation_id="run").is_complete
    assert tempo.asked == ["/api/search", f"/api/traces/{SEARCHED}"]
    (query,) = tempo.queries
    assert query["q"] == '{ span.correlation_id = "run" }'
    assert (query["start"], query["end"]) == ("1700000000", "1700000061")


async def test_the_newer_way_to_read_a_trace_is_a_matter_of_settings(serving: Serve) -> None:
    tempo = FakeTempo({SEARCHED: draw_handled_alert("run")}, shape=TEMPO_FORMATS["tempo 2, v2"])
    found = await find(tempo, serving, {"run": None}, trace_api="v2")
    assert list(found.traces) == ["run"]
    assert tempo.asked[-1] == f"/api/v2/traces/{SEARCHED}"


async def test_a_trace_of_which_blocks_could_not_be_read_is_partial(serving: Serve) -> None:
    tempo = FakeTempo({SEARCHED: draw_handled_alert("run")}, trace_status=206)
    found = await find(tempo, serving, {"run": None})
    assert (found.traces["run"].partial, found.errors) == (True, [])


async def test_what_no_search_finds_is_found_by_the_trace_id_that_was_sent(serving: Serve) -> None:
    tempo = FakeTempo({SENT: draw_handled_alert("run")}, searchable=False)
    found = await find(tempo, serving, {"run": SENT, "lost": None})
    assert list(found.traces) == ["run"]
    assert tempo.asked == ["/api/search", f"/api/traces/{SENT}"]


async def test_the_probers_own_spans_are_no_trace_of_the_event(serving: Serve) -> None:
    own = [DrawnSpan(1, "probe", 0.0, 1.0, service="slo-probe")]
    found = await find(FakeTempo({SENT: own}), serving, {"run": SENT})
    assert (found.traces, found.errors) == ({}, [])


async def test_spans_that_are_still_on_their_way_are_found_later(serving: Serve) -> None:
    tempo = FakeTempo({SENT: draw_handled_alert("run")}, visible_after=4)
    looks = [await find(tempo, serving, {"run": SENT}) for _ in range(3)]
    assert [list(found.traces) for found in looks] == [[], [], ["run"]]
    assert [found.errors for found in looks] == [[], [], []]


async def test_many_events_share_one_search(serving: Serve) -> None:
    wanted: dict[str, str | None] = {f"run-{number}": None for number in range(25)}
    tempo = FakeTempo({f"{n:032x}": draw_handled_alert(name) for n, name in enumerate(wanted, 1)})
    found = await find(tempo, serving, wanted)
    assert set(found.traces) == set(wanted)
    assert [len(query["q"].split("||")) for query in tempo.queries] == [20, 5]


async def test_two_traces_of_one_event_are_one(serving: Serve) -> None:
    tempo = FakeTempo(
        {SEARCHED: draw_handled_alert("run"), SENT: draw_handled_alert("run", first=20, start=3.0)}
    )
    found = await find(tempo, serving, {"run": None})
    times = compute_stage_times(found.traces["run"], correlation_id="run")
    assert times.stages[Stage.LAMBDA_EXECUTION].high == pytest.approx(0.534, abs=1e-5)


@pytest.mark.parametrize(
    "broken", [b"", b"<html>", b"[]", b'{"trace": 7}', b"\xff", b"[" * 100_000, b'{"batches": [']
)
async def test_one_malformed_trace_does_not_hide_the_others(serving: Serve, broken: bytes) -> None:
    tempo = FakeTempo(
        {SEARCHED: draw_handled_alert("bad"), SENT: draw_handled_alert("run")},
        broken={SEARCHED: broken},
    )
    found = await find(tempo, serving, {"bad": None, "run": None})
    assert list(found.traces) == ["run"]
    assert list_faults(found) == [ErrorKind.BAD_RESPONSE]


async def test_a_search_that_is_refused_leaves_the_way_by_trace_id(serving: Serve) -> None:
    tempo = FakeTempo({SENT: draw_handled_alert("run")}, search_status=400)
    found = await find(tempo, serving, {"run": SENT})
    assert (list(found.traces), list_faults(found)) == (["run"], [ErrorKind.BAD_RESPONSE])


@pytest.mark.parametrize(
    ("status", "fault"), [(401, ErrorKind.UNAUTHORIZED), (429, ErrorKind.RATE_LIMITED)]
)
async def test_a_refusal_ends_the_looking(serving: Serve, status: int, fault: ErrorKind) -> None:
    tempo = FakeTempo({SENT: draw_handled_alert("run")}, search_status=status)
    found = await find(tempo, serving, {f"run-{number}": SENT for number in range(25)})
    assert (found.traces, list_faults(found), tempo.asked) == ({}, [fault], ["/api/search"])


async def test_slow_answers_are_timeouts(serving: Serve) -> None:
    found = await find(FakeTempo(hang=True), serving, {"run": SENT}, timeout="50ms")
    assert list_faults(found) == [ErrorKind.TIMEOUT, ErrorKind.TIMEOUT]


async def test_an_unreachable_tempo_is_one_error() -> None:
    made = TempoSettings.model_validate({"url": "http://127.0.0.1:9", "retries": 0})
    async with HttpClient("tempo", made, folder=Path(), clock=InstantSleepClock()) as source:
        found = await TempoClient(source, made).find_traces({"run": SENT}, since=SINCE, until=UNTIL)
    assert list_faults(found) == [ErrorKind.UNREACHABLE]


def test_an_id_cannot_leave_its_quotes() -> None:
    asked = client.build_parameters(['a" || true || "\\'], since=1.0, until=1.0)
    assert asked["q"] == '{ span.correlation_id = "a\\" || true || \\"\\\\" }'
    assert (asked["start"], asked["end"]) == ("1", "2")


@pytest.mark.parametrize("answer", [None, [], "x", {"traces": 7}])
def test_an_invalid_search_response_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match="no list of traces"):
        client.parse_trace_ids(answer)


def test_a_search_names_each_trace_once_and_in_full() -> None:
    listed = [{"traceID": "AB"}, {"traceID": "ab"}, {"traceID": "../x"}, {"traceID": 7}, {}, None]
    assert client.parse_trace_ids({"traces": listed}) == ["ab".zfill(32)]
    assert client.parse_trace_ids({"traces": None}) == client.parse_trace_ids({}) == []


@given(st.text())
def test_a_trace_id_is_safe_in_a_path_or_none(written: str) -> None:
    assert client.normalize_trace_id(written) == "" or set(
        client.normalize_trace_id(written)
    ) <= set("0123456789abcdef")


def test_the_settings_of_tempo_are_those_of_the_house() -> None:
    made = TempoSettings.model_validate({"url": "http://tempo:3200", "linear_hosts": ["Lin.Test"]})
    assert made.rules == SpanRules(linear_hosts=frozenset({"lin.test"}))
    assert describe_fields(TempoSettings).keys() >= TempoSettings.model_fields.keys()


SELECTION, VERIFICATION = Stage.REMEDIATION_SELECTION, Stage.VERIFICATION


@dataclass
class TempoHarness:
    """Fake Tempo, its observer, and a reconciler."""

    tempo: FakeTempo
    observer: TempoObserver
    reconciler: ReconcilerHarness

    async def finish_run(self, **changes: Any) -> Run:  # noqa: ANN401 - as `replace`
        run = replace(build_judged_run(intended_at=self.reconciler.clock.wall()), **changes)
        await self.reconciler.finish_run(run)
        return run

    def read_selections(self) -> tuple[float | None, float]:
        """Number of the selections that it timed, and the sum of their times."""
        count, seconds = self.reconciler.read_stage_durations(SELECTION, StageSource.TEMPO)
        return count, round(seconds or 0.0, 6)

    @property
    def failures(self) -> float | None:
        return self.reconciler.read_sample("observer_failures_total", source="tempo")


@contextlib.asynccontextmanager
async def run_tempo_harness(
    path: Path,
    clock: FakeClock,
    serving: Serve,
    **settings: Any,  # noqa: ANN401 - of any type
) -> AsyncIterator[TempoHarness]:
    tempo = FakeTempo()
    given = {"url": await serving(tempo.app()), "retries": 0, **settings}
    async with (
        run_harness(path, clock) as harness,
        open_observer(
            Settings.model_validate(given), folder=path.parent, clock=clock, gauges=harness.gauges
        ) as made,
    ):
        harness.use_observers(tempo=made)
        yield TempoHarness(tempo, made, harness)


@pytest.fixture
async def harness(path: Path, clock: FakeClock, serving: Serve) -> AsyncIterator[TempoHarness]:
    async with run_tempo_harness(path, clock, serving) as made:
        yield made


async def test_a_trace_knows_best(harness: TempoHarness, path: Path) -> None:
    run = await harness.finish_run()
    assert harness.reconciler.read_stage_durations(SELECTION, StageSource.TEMPO) == (0, 0)
    harness.tempo.traces = {SENT: draw_handled_alert(run.id)}
    await harness.reconciler.advance(20)
    assert harness.read_selections() == (1, 0.072)
    assert harness.reconciler.read_stage_durations(SELECTION, StageSource.CANARY) == (0, 0)
    assert harness.reconciler.read_stage_durations(VERIFICATION, StageSource.TEMPO) == (0, 0)
    assert {row[1] for row in read_rows(path)} == {"cleaned"}


async def test_without_trace_canary_counts(harness: TempoHarness, path: Path) -> None:
    await harness.finish_run()
    await harness.reconciler.advance(118)
    assert harness.reconciler.read_stage_durations(SELECTION, StageSource.CANARY) == (0, 0)
    await harness.reconciler.advance(30)
    assert harness.reconciler.read_stage_durations(SELECTION, StageSource.CANARY) == (1, 2.0)
    assert {row[1] for row in read_rows(path)} == {"cleaned"}


async def test_a_partial_trace_is_read_again(harness: TempoHarness) -> None:
    run = await harness.finish_run()
    whole = draw_handled_alert(run.id)
    harness.tempo.traces = {SENT: remove_spans(whole, "cloudevent.handle", "lambda_function.call")}
    await harness.reconciler.advance(60)
    assert harness.reconciler.read_stage_durations(SELECTION, StageSource.TEMPO) == (0, 0)
    harness.tempo.traces = {SENT: whole}
    await harness.reconciler.advance(20)
    assert harness.read_selections() == (1, 0.072)


async def test_span_errors_count_once_a_run(harness: TempoHarness) -> None:
    assert harness.reconciler.read_sample("span_errors_total", span="alert.process") == 0
    run = await harness.finish_run()
    bad = change_span(draw_handled_alert(run.id), "lambda_function.call", error=True)
    harness.tempo.traces = {SENT: remove_spans(bad, "cloudevent.handle")}
    await harness.reconciler.advance(40)
    assert harness.reconciler.read_sample("span_errors_total", span="lambda_function.call") == 0
    harness.tempo.traces = {SENT: bad}
    await harness.reconciler.advance(120)
    assert harness.reconciler.read_sample("span_errors_total", span="lambda_function.call") == 1
    assert harness.reconciler.read_sample("span_errors_total", span="alert.process") == 0


async def test_a_renamed_event_is_found(harness: TempoHarness) -> None:
    await harness.finish_run(aliases=("converted-7",))
    harness.tempo.traces = {SENT: draw_handled_alert("converted-7")}
    await harness.reconciler.advance(20)
    await harness.reconciler.advance(120)
    assert harness.read_selections() == (1, 0.072)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
async def test_clock_was_set(harness: TempoHarness, clock: FakeClock, step: float) -> None:
    """Slots count on from the clock as it was at the start; traces have the time of now."""
    plan = clock.wall()
    clock._offset += step
    run = await harness.finish_run(intended_at=plan)
    began = clock.wall()
    harness.tempo.traces = {SENT: draw_handled_alert(run.id, start=began - SENT_AT)}
    await harness.reconciler.advance(20)
    (query, *_) = harness.tempo.queries
    assert float(query["start"]) <= began <= float(query["end"])
    assert harness.read_selections() == (1, 0.072)


async def test_a_hanging_tempo_is_given_up(path: Path, clock: FakeClock, serving: Serve) -> None:
    async with run_tempo_harness(path, clock, serving, timeout="50ms") as harness:
        harness.tempo.hang = True
        for _ in range(50):
            await harness.finish_run(trace_id=SENT)
        await harness.reconciler.advance(2)
        assert len(harness.tempo.asked) == harness.failures == 3
        assert harness.observer.is_failing


async def test_retry_after_is_kept(harness: TempoHarness) -> None:
    harness.tempo.search_status, harness.tempo.headers = 429, {"Retry-After": "60"}
    run = await harness.finish_run()
    await harness.reconciler.advance(58)
    assert harness.tempo.asked == ["/api/search"]
    harness.tempo.search_status, harness.tempo.traces = 200, {SENT: draw_handled_alert(run.id)}
    await harness.reconciler.advance(20)
    assert harness.read_selections() == (1, 0.072)


async def test_no_response_of_tempo_raises_an_exception(
    harness: TempoHarness, clock: FakeClock
) -> None:
    question = RunQuery("run", ("run",), SENT, clock.wall())
    harness.tempo.broken = {SENT: b'{"batches": [{"scopeSpans": [{"spans": [7, {}, null]}]}, 3]}'}
    assert await harness.observer.observe([question]) == []
    assert list(await harness.observer.find_orphans(clock.wall())) == []
