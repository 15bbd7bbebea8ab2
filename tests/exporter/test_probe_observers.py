"""Stage times come from facts, count from the intended send, and are absent when unseen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import observers as registry
from exporter.evidence import Call, Evidence
from exporter.observers import observers, visible
from exporter.sources import best
from slos.schema.contract import Route, Stage
from tests.exporter.test_probe_judge import evidences


def observe(evidence: Evidence) -> dict[Stage, float]:
    return {stage: time.seconds for stage, time in best(registry.observe(evidence)).items()}


CALL = Call(health_at=12.0, arrived_at=15.0, finished_at=15.5)


def test_agent_sres_share_is_the_wait_less_the_call() -> None:
    evidence = Evidence(10.0, 10.1, replied_at=16.0, status=200, calls=(CALL,))
    assert observe(evidence) == {
        Stage.CLOUDEVENT_PROCESSING: pytest.approx(2.5),
        Stage.REMEDIATION_SELECTION: pytest.approx(2.0),
        Stage.LAMBDA_EXECUTION: pytest.approx(3.5),
        Stage.END_TO_END: pytest.approx(5.5),
    }


def test_without_a_health_check_the_call_itself_is_the_first_contact() -> None:
    call = Call(health_at=None, arrived_at=15.0, finished_at=15.5)
    evidence = Evidence(10.0, 10.0, replied_at=16.0, status=200, calls=(call,))
    assert observe(evidence)[Stage.REMEDIATION_SELECTION] == pytest.approx(5.0)
    assert observe(evidence)[Stage.LAMBDA_EXECUTION] == pytest.approx(0.5)


def test_calls_that_overlap_are_taken_off_once() -> None:
    twin = Call(health_at=13.0, arrived_at=15.0, finished_at=15.8)
    evidence = Evidence(10.0, 10.0, replied_at=16.0, status=200, calls=(CALL, twin))
    assert observe(evidence)[Stage.CLOUDEVENT_PROCESSING] == pytest.approx(2.2)


def test_a_call_after_the_reply_takes_nothing_off() -> None:
    evidence = Evidence(10.0, 10.0, replied_at=11.0, status=200, calls=(CALL,))
    assert observe(evidence)[Stage.CLOUDEVENT_PROCESSING] == pytest.approx(1.0)


def test_nothing_seen_gives_no_stage() -> None:
    assert observe(Evidence(10.0, 10.0)) == {}
    assert observe(Evidence(10.0, 10.0, replied_at=11.0, status=500)) == {}


def test_a_lost_event_has_only_the_time_of_its_reply() -> None:
    evidence = Evidence(10.0, 10.0, replied_at=11.0, status=200)
    assert set(observe(evidence)) == {Stage.CLOUDEVENT_PROCESSING}


def test_nobody_claims_to_see_what_never_runs() -> None:
    assert Stage.VERIFICATION not in visible(Route.DIRECT)
    assert Stage.LINEAR_ISSUE_CREATION not in visible(Route.DIRECT)


@given(evidence=evidences())
def test_observers_see_only_what_they_declare_and_never_negative_times(evidence: Evidence) -> None:
    for observer in observers():
        found = observer.stages(evidence)
        assert set(found) <= observer.STAGES
        assert all(seconds >= -1e-9 for seconds in found.values())


@given(evidence=evidences(), late=st.floats(min_value=0, max_value=5))
def test_a_late_send_counts_as_time_of_the_stages(evidence: Evidence, late: float) -> None:
    """Latency from the intended time: no coordinated omission."""
    earlier = Evidence(
        -late, evidence.sent, evidence.replied_at, evidence.status, None, evidence.calls
    )
    for stage in (Stage.END_TO_END, Stage.REMEDIATION_SELECTION, Stage.CLOUDEVENT_PROCESSING):
        if stage in observe(evidence):
            assert observe(earlier)[stage] == pytest.approx(observe(evidence)[stage] + late)
