"""Verdicts, stage times and their best source."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import observers as registry
from exporter.model.alert import find_reply_problem
from exporter.model.bounds import Bounds
from exporter.model.error_kind import CONNECTION_ERRORS, ErrorKind
from exporter.model.evidence import Call, Evidence, ReplyProblem
from exporter.model.stages import (
    StageTime,
    StageTimes,
    find_disagreements,
    list_remote_stages,
    merge_stage_times,
    rank_sources,
    select_times,
)
from exporter.model.verdict import ProberFault, Reason, judge_evidence
from exporter.observers import list_visible_stages, load_evidence_observers
from slos.schema.contract import DeliveryPath, Stage, StageSource, Verdict

MINUTE = 60.0
TIMES = st.floats(min_value=0, max_value=70)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    health, arrived, *finished = sorted(draw(st.tuples(*[TIMES] * 4)))
    return Call(
        contact=Bounds(*sorted(draw(st.tuples(*[st.floats(health, arrived)] * 2)))),
        arrived_at=arrived,
        finished=draw(st.sampled_from([None, Bounds(*finished)])),
        parameters_ok=draw(st.booleans()),
        foreign_id=draw(st.booleans()),
    )


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    status = draw(st.none() | st.integers(min_value=100, max_value=999))
    fault = None if status else draw(st.none() | st.sampled_from(sorted(CONNECTION_ERRORS)))
    return Evidence(
        intended=0.0,
        sent_at=draw(st.floats(min_value=0, max_value=1)),
        replied_at=draw(TIMES) if status else None,
        status=status,
        connection_error=fault,
        calls=tuple(draw(st.lists(calls(), max_size=3))),
    )


FAULTS = st.sets(st.sampled_from(ProberFault))


@given(evidence=evidences())
def test_without_an_execution_nothing_is_ok_or_late(evidence: Evidence) -> None:
    verdict, _ = judge_evidence(evidence, MINUTE)
    if not evidence.calls:
        assert verdict not in (Verdict.OK, Verdict.LATE, Verdict.DUPLICATED, Verdict.CORRUPTED)


@given(evidence=evidences())
def test_ok_means_accepted_and_executed_once_right_and_in_time(evidence: Evidence) -> None:
    verdict, _ = judge_evidence(evidence, MINUTE)
    fine = (
        evidence.is_accepted
        and len(evidence.calls) == 1
        and evidence.calls[0].parameters_ok
        and not evidence.calls[0].foreign_id
        and evidence.calls[0].finished is not None
        and evidence.calls[0].finished.low <= 60
    )
    assert (verdict is Verdict.OK) == fine


@given(evidence=evidences(), faults=FAULTS)
def test_a_prober_at_fault_is_unknown(evidence: Evidence, faults: set[ProberFault]) -> None:
    verdict, reason = judge_evidence(evidence, MINUTE, faults)
    assert (verdict in Verdict, reason in Reason) == (True, True)
    assert (verdict is Verdict.UNKNOWN) == bool(faults)
    if faults:
        assert reason.value in {fault.value for fault in faults}


@given(evidence=evidences())
def test_wrong_data_is_corrupted_whatever_else_is_true(evidence: Evidence) -> None:
    wrong = any(not call.parameters_ok or call.foreign_id for call in evidence.calls)
    assert (judge_evidence(evidence, MINUTE)[0] is Verdict.CORRUPTED) == wrong


CALL = Call(contact=Bounds.exactly(1.0), arrived_at=1.1, finished=Bounds.exactly(1.2))
LATE = Call(contact=Bounds.exactly(1.0), arrived_at=1.1, finished=Bounds.exactly(60.1))


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence(0, 0, 2, 200, None, (CALL,)), (Verdict.OK, Reason.EXECUTED_ONCE)),
        (Evidence(0, 0, 2, 204, None, ()), (Verdict.LOST, Reason.NEVER_EXECUTED)),
        (Evidence(0, 0, 2, 200, None, (CALL, CALL)), (Verdict.DUPLICATED, Reason.EXECUTED_TWICE)),
        (Evidence(0, 0, 61, 200, None, (LATE,)), (Verdict.LATE, Reason.EXECUTED_LATE)),
        (Evidence(0, 0, 2, 500, None, ()), (Verdict.REJECTED, Reason.SERVER_ERROR)),
        (Evidence(0, 0, 2, 404, None, ()), (Verdict.REJECTED, Reason.CLIENT_ERROR)),
        (Evidence(0, 0, 2, 302, None, ()), (Verdict.REJECTED, Reason.REDIRECTED)),
        (Evidence(0, 0, 2, 500, None, (CALL,)), (Verdict.REJECTED, Reason.REJECTED_BUT_EXECUTED)),
        (Evidence(0, 0), (Verdict.TIMEOUT, Reason.NO_REPLY)),
        (Evidence(0, 0, calls=(CALL,)), (Verdict.TIMEOUT, Reason.NO_REPLY_BUT_EXECUTED)),
        (
            Evidence(0, 0, connection_error=ErrorKind.RESET, calls=(CALL,)),
            (Verdict.TIMEOUT, Reason.REPLY_LOST_BUT_EXECUTED),
        ),
        (
            Evidence(0, 0, connection_error=ErrorKind.NOT_HTTP, calls=(CALL,)),
            (Verdict.REJECTED, Reason.UNEXPECTED_REPLY),
        ),
        (
            Evidence(0, 0, 2, 200, None, (CALL,), reply_problem=ReplyProblem.UNEXPECTED),
            (Verdict.REJECTED, Reason.UNEXPECTED_REPLY),
        ),
        (
            Evidence(0, 0, 2, 200, None, (), reply_problem=ReplyProblem.UNEXPECTED),
            (Verdict.LOST, Reason.NEVER_EXECUTED),
        ),
        (
            Evidence(0, 0, 2, 200, None, (CALL,), reply_problem=ReplyProblem.FOREIGN),
            (Verdict.CORRUPTED, Reason.FOREIGN_REPLY),
        ),
        (
            Evidence(0, 0, 2, 500, None, (), reply_problem=ReplyProblem.UNEXPECTED),
            (Verdict.REJECTED, Reason.SERVER_ERROR),
        ),
        (
            Evidence(0, 0, connection_error=ErrorKind.DNS),
            (Verdict.UNREACHABLE, Reason.DNS_FAILED),
        ),
    ],
)
def test_the_table_of_the_judge_holds(evidence: Evidence, expected: tuple[Verdict, Reason]) -> None:
    assert judge_evidence(evidence, MINUTE) == expected


RUN = f"slo-probe-{1:032x}"
OTHER = f"slo-probe-{2:032x}"


def write_reply(**changes: object) -> bytes:
    reply = {"status": "processed", "event_id": RUN, "correlation_id": RUN}
    return json.dumps({**reply, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (write_reply(), None),
        (write_reply(added=1), None),
        (write_reply(event_id=OTHER), ReplyProblem.FOREIGN),
        (write_reply(correlation_id=OTHER, status="x"), ReplyProblem.FOREIGN),
        *(
            (body, ReplyProblem.UNEXPECTED)
            for body in (
                b"",
                b"ok",
                b"[]",
                b"[" * 100_000,
                b"\xff",
                b"{}",
                write_reply(status="queued"),
                write_reply(event_id=None),
                write_reply(correlation_id="else"),
                write_reply(event_id=[RUN]),
            )
        ),
    ],
)
def test_the_reply_is_read(body: bytes, problem: ReplyProblem | None) -> None:
    assert find_reply_problem(body, RUN) == problem


def observe(evidence: Evidence) -> dict[Stage, Bounds]:
    return {
        stage: time.bounds
        for stage, time in select_times(registry.observe_evidence(evidence)).items()
    }


OBSERVED = Call(contact=Bounds.exactly(12.0), arrived_at=15.0, finished=Bounds.exactly(15.5))


UNHEALTHY = Call(contact=Bounds.exactly(15.0), arrived_at=15.0, finished=Bounds.exactly(15.5))
TWIN = Call(contact=Bounds.exactly(13.0), arrived_at=15.0, finished=Bounds.exactly(15.8))
SHARED = Call(contact=Bounds(12.0, 14.0), arrived_at=15.0, finished=Bounds.exactly(15.5))


@pytest.mark.parametrize(
    ("evidence", "times"),
    [
        # agent-sre's share is the wait less the call.
        (Evidence(10.0, 10.1, 16.0, 200, calls=(OBSERVED,)), (2.5, 2.0, 3.5, 5.5)),
        # Without a health check the call itself is the first contact.
        (Evidence(10.0, 10.0, 16.0, 200, calls=(UNHEALTHY,)), (5.5, 5.0, 0.5, 5.5)),
        # Calls that overlap are taken off once.
        (Evidence(10.0, 10.0, 16.0, 200, calls=(OBSERVED, TWIN)), (2.2, 2.0, 3.5, 5.5)),
        # A call after the reply takes nothing off.
        (Evidence(10.0, 10.0, 11.0, 200, calls=(OBSERVED,)), (1.0, 2.0, 3.5, 5.5)),
        (Evidence(10.0, 10.0, 11.0, 200), (1.0,)),
        (Evidence(10.0, 10.0, 11.0, 500), ()),
        (Evidence(10.0, 10.0), ()),
    ],
)
def test_stage_times_come_from_what_was_seen(evidence: Evidence, times: tuple[float, ...]) -> None:
    stages = [Stage.CLOUDEVENT_PROCESSING, Stage.REMEDIATION_SELECTION, Stage.LAMBDA_EXECUTION]
    found = dict(zip([*stages, Stage.END_TO_END], times, strict=False))
    measured = observe(evidence)
    assert {stage: bounds.low for stage, bounds in measured.items()} == pytest.approx(found)
    assert all(bounds.low == bounds.high for bounds in measured.values())
    assert not {Stage.VERIFICATION, Stage.LINEAR_ISSUE_CREATION} & set(
        list_visible_stages(DeliveryPath.DIRECT)
    )


def test_a_contact_within_bounds_bounds_its_stages() -> None:
    found = observe(Evidence(10.0, 10.1, 16.0, 200, calls=(SHARED,)))
    assert found == {
        Stage.CLOUDEVENT_PROCESSING: Bounds(2.5, 4.5),
        Stage.REMEDIATION_SELECTION: Bounds(2.0, 4.0),
        Stage.LAMBDA_EXECUTION: Bounds(1.5, 3.5),
        Stage.END_TO_END: Bounds.exactly(5.5),
    }


@pytest.mark.parametrize(
    ("start", "verdict"),
    [
        (Bounds.exactly(0.0), Verdict.LATE),
        (Bounds(0.0, 8.0), Verdict.OK),
        (Bounds(0.0, 4.0), Verdict.LATE),
    ],
)
def test_an_execution_is_late_only_if_that_is_certain(start: Bounds, verdict: Verdict) -> None:
    evidence = Evidence(0.0, 0.1, 16.0, 200, calls=(SHARED,), started_at=start)
    assert judge_evidence(evidence, 10.0)[0] is verdict


@given(evidence=evidences())
def test_observers_see_only_what_they_declare_and_never_negative_times(evidence: Evidence) -> None:
    for observer in load_evidence_observers():
        found = observer.measure_stages(evidence)
        assert set(found) <= set(observer.STAGES)
        assert all(-1e-9 <= bounds.low <= bounds.high + 1e-9 for bounds in found.values())


@given(evidence=evidences(), late=st.floats(min_value=0, max_value=5))
def test_a_late_send_counts_as_time_of_the_stages(evidence: Evidence, late: float) -> None:
    """Latency from the intended time: no coordinated omission."""
    earlier = Evidence(
        -late, evidence.sent_at, evidence.replied_at, evidence.status, None, evidence.calls
    )
    for stage in (Stage.END_TO_END, Stage.REMEDIATION_SELECTION, Stage.CLOUDEVENT_PROCESSING):
        if stage in observe(evidence):
            assert observe(earlier)[stage].low == pytest.approx(observe(evidence)[stage].low + late)


SECONDS = st.floats(min_value=0, max_value=1000).map(Bounds.exactly)
SEEN = st.dictionaries(
    st.sampled_from(list(Stage)), st.dictionaries(st.sampled_from(list(StageSource)), SECONDS)
)
ISSUE = Stage.LINEAR_ISSUE_CREATION


@pytest.mark.parametrize("stage", list(Stage))
def test_the_first_source_of_the_table_that_saw_a_stage_counts(stage: Stage) -> None:
    order = rank_sources(stage)
    for number, source in enumerate(order):
        seen = {
            stage: {each: Bounds.exactly(float(n)) for n, each in enumerate(order) if n >= number}
        }
        assert select_times(seen) == {stage: StageTime(Bounds.exactly(float(number)), source)}


LAMBDA, SELECTION = Stage.LAMBDA_EXECUTION, Stage.REMEDIATION_SELECTION
CANARY, TEMPO = StageSource.CANARY, StageSource.TEMPO


@pytest.mark.parametrize(
    ("stage", "times", "source"),
    [
        (LAMBDA, {CANARY: Bounds(1, 1), TEMPO: Bounds(2, 2)}, CANARY),
        (LAMBDA, {CANARY: Bounds(1, 9), TEMPO: Bounds(2, 2)}, TEMPO),
        (LAMBDA, {CANARY: Bounds(1, 9), TEMPO: Bounds(2, 3)}, TEMPO),
        (LAMBDA, {CANARY: Bounds(1, 2), TEMPO: Bounds(2, 4)}, CANARY),
        (SELECTION, {CANARY: Bounds(9, 9), TEMPO: Bounds(2, 3)}, TEMPO),
    ],
)
def test_the_closest_source_counts_and_a_certain_one_first(
    stage: Stage, times: dict[str, Bounds], source: str
) -> None:
    assert select_times({stage: times})[stage].source == source


@pytest.mark.parametrize(
    ("stage", "times", "is_remote"),
    [
        (LAMBDA, {LAMBDA: {CANARY: Bounds(1, 1)}}, False),
        (LAMBDA, {LAMBDA: {CANARY: Bounds(1, 2)}}, True),
        (LAMBDA, {}, False),
        (SELECTION, {SELECTION: {CANARY: Bounds(1, 1)}}, True),
        (SELECTION, {}, True),
    ],
)
def test_a_late_source_is_waited_for_where_it_may_know_better(
    stage: Stage, times: StageTimes, *, is_remote: bool
) -> None:
    assert (stage in list_remote_stages({stage: [CANARY, TEMPO]}, times)) == is_remote
    assert list_remote_stages({stage: [CANARY]}, times) == ()


def test_a_source_that_is_not_in_the_table_of_a_stage_counts_for_nothing() -> None:
    assert select_times({Stage.END_TO_END: {StageSource.TEMPO: Bounds.exactly(1.0)}}) == {}


@given(seen=SEEN)
def test_what_nobody_saw_is_absent_and_stages_are_in_the_order_of_the_pipeline(
    seen: StageTimes,
) -> None:
    found = select_times(seen)
    assert list(found) == [stage for stage in Stage if stage in found]
    assert all(seen[stage][time.source] == time.bounds for stage, time in found.items())


@given(one=SEEN, other=SEEN)
def test_merging_keeps_all_and_believes_the_later_word(one: StageTimes, other: StageTimes) -> None:
    both = merge_stage_times(one, other)
    for stage in Stage:
        expected = {**one.get(stage, {}), **other.get(stage, {})}
        assert both.get(stage, {}) == expected
    assert merge_stage_times(both, other) == both
    assert merge_stage_times({}, both) == both


@pytest.mark.parametrize(
    ("stage", "times", "differ"),
    [
        (ISSUE, {StageSource.LINEAR: 1.0}, False),
        (ISSUE, {StageSource.LINEAR: 1.0, StageSource.TEMPO: 2.0}, False),
        (ISSUE, {StageSource.LINEAR: 1.0, StageSource.TEMPO: 2.1}, True),
        (ISSUE, {StageSource.LINEAR: 2.1, StageSource.TEMPO: 1.0}, True),
        (Stage.REMEDIATION_SELECTION, {StageSource.TEMPO: 0.1, StageSource.CANARY: 20.0}, False),
        (Stage.REMEDIATION_SELECTION, {StageSource.TEMPO: 20.0, StageSource.CANARY: 0.1}, True),
        (Stage.LAMBDA_EXECUTION, {StageSource.CANARY: 3.0, StageSource.TEMPO: 0.1}, True),
        (Stage.CLOUDEVENT_PROCESSING, {StageSource.TEMPO: 0.1, StageSource.REPLY: 1.2}, True),
    ],
)
def test_disagreeing_sources(stage: Stage, times: dict[str, float], *, differ: bool) -> None:
    seen = {stage: {source: Bounds.exactly(seconds) for source, seconds in times.items()}}
    assert find_disagreements(seen, tolerance=1.0) == ([stage] if differ else [])


def test_bounds_that_come_close_are_no_disagreement() -> None:
    times: StageTimes = {LAMBDA: {CANARY: Bounds(1.0, 9.0), TEMPO: Bounds.exactly(0.2)}}
    assert find_disagreements(times, tolerance=1.0) == []
    assert find_disagreements(times, tolerance=0.5) == [LAMBDA]


@given(seen=SEEN)
def test_a_single_source_never_disagrees(seen: StageTimes) -> None:
    alone = {stage: dict(list(times.items())[:1]) for stage, times in seen.items()}
    assert find_disagreements(alone, tolerance=0.0) == []
