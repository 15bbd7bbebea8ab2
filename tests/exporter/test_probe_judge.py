"""Every run gets exactly one verdict, and none a better one than its facts allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.evidence import Call, Evidence, TransportFault
from exporter.judge import ProberFault, Reason, judge
from slos.schema.contract import Verdict

MINUTE = 60.0
TIMES = st.floats(min_value=0, max_value=70)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    health, arrived, finished = sorted(draw(st.tuples(TIMES, TIMES, TIMES)))
    return Call(
        health_at=draw(st.sampled_from([None, health])),
        arrived_at=arrived,
        finished_at=draw(st.sampled_from([None, finished])),
        parameters_ok=draw(st.booleans()),
        foreign_id=draw(st.booleans()),
    )


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    status = draw(st.none() | st.integers(min_value=100, max_value=999))
    fault = None if status else draw(st.none() | st.sampled_from(TransportFault))
    return Evidence(
        intended=0.0,
        sent=draw(st.floats(min_value=0, max_value=1)),
        replied_at=draw(TIMES) if status else None,
        status=status,
        transport=fault,
        calls=tuple(draw(st.lists(calls(), max_size=3))),
    )


FAULTS = st.sets(st.sampled_from(ProberFault))


@given(evidence=evidences(), faults=FAULTS)
def test_every_evidence_has_a_verdict(evidence: Evidence, faults: set[ProberFault]) -> None:
    verdict, reason = judge(evidence, MINUTE, faults)
    assert verdict in Verdict
    assert reason in Reason


@given(evidence=evidences())
def test_without_an_execution_nothing_is_ok_or_late(evidence: Evidence) -> None:
    verdict, _ = judge(evidence, MINUTE)
    if not evidence.calls:
        assert verdict not in (Verdict.OK, Verdict.LATE, Verdict.DUPLICATED, Verdict.CORRUPTED)


@given(evidence=evidences())
def test_ok_means_accepted_and_executed_once_right_and_in_time(evidence: Evidence) -> None:
    verdict, _ = judge(evidence, MINUTE)
    fine = (
        evidence.accepted
        and len(evidence.calls) == 1
        and evidence.calls[0].parameters_ok
        and not evidence.calls[0].foreign_id
        and evidence.calls[0].finished_at is not None
        and evidence.calls[0].finished_at <= 60
    )
    assert (verdict is Verdict.OK) == fine


@given(evidence=evidences(), faults=FAULTS)
def test_a_prober_at_fault_is_unknown(evidence: Evidence, faults: set[ProberFault]) -> None:
    verdict, reason = judge(evidence, MINUTE, faults)
    assert (verdict is Verdict.UNKNOWN) == bool(faults)
    if faults:
        assert reason.value in {fault.value for fault in faults}


@given(evidence=evidences())
def test_wrong_data_is_corrupted_whatever_else_is_true(evidence: Evidence) -> None:
    wrong = any(not call.parameters_ok or call.foreign_id for call in evidence.calls)
    assert (judge(evidence, MINUTE)[0] is Verdict.CORRUPTED) == wrong


CALL = Call(health_at=1.0, arrived_at=1.1, finished_at=1.2)
LATE = Call(health_at=1.0, arrived_at=1.1, finished_at=60.1)


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
            Evidence(0, 0, transport=TransportFault.RESET, calls=(CALL,)),
            (Verdict.TIMEOUT, Reason.NO_REPLY_BUT_EXECUTED),
        ),
        (Evidence(0, 0, transport=TransportFault.DNS), (Verdict.UNREACHABLE, Reason.DNS_FAILED)),
    ],
)
def test_the_table_of_the_judge_holds(evidence: Evidence, expected: tuple[Verdict, Reason]) -> None:
    assert judge(evidence, MINUTE) == expected
