"""The synthetic alert: format, ids, and labels that mark it as synthetic."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.alert import (
    RESERVED_LABELS,
    Alert,
    CanaryIdentity,
    ForbiddenEventError,
    build_fired_event,
    build_parameters,
    build_resolved_event,
    check_alert_is_harmless,
    create_run_id,
)
from tests.exporter.slo_probe import ROOT

CANARY = CanaryIdentity("agent-sre-canary", "ai")
AT = 1_700_000_000.9876
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def build_event(run_id: str = "slo-probe-1", at: float = 1_700_000_000.0) -> dict[str, Any]:
    sent = build_parameters(run_id, CANARY)
    made: dict[str, Any] = json.loads(
        build_fired_event(Alert(run_id, "remediation", sent, CANARY, at))
    )
    return made


def test_the_event_has_the_shape_agent_sre_reads() -> None:
    made = build_event()
    data = made.pop("data")
    assert made == {
        "specversion": "1.0",
        "type": "io.homelab.prometheus.alert.fired",
        "source": "slo-probe",
        "id": "slo-probe-1",
        "time": "2023-11-14T22:13:20.000Z",
        "datacontenttype": "application/json",
    }
    parts = "annotations endsAt fingerprint generatorURL labels startsAt status"
    assert " ".join(sorted(data)) == parts
    assert (data["status"], data["endsAt"]) == ("firing", None)
    assert set(data["labels"]) < RESERVED_LABELS
    sent = json.loads(data["annotations"]["lambda_parameters"])
    assert sent.pop("nonce")
    names = {"name": "agent-sre-canary", "namespace": "ai"}
    assert sent == {"probe_id": "slo-probe-1", **names}


@pytest.mark.parametrize(("number", "at", "trace"), [(0, 1_700_000_000.0, None), (1, AT, TRACE)])
def test_events_are_those_of_the_record(number: int, at: float, trace: str | None) -> None:
    """The bytes of an event, recorded when they were still built by hand."""
    recorded = (ROOT / "tests/exporter/recorded_events.jsonl").read_bytes().splitlines()
    fired, resolved = recorded[2 * number : 2 * number + 2]
    run_id = json.loads(fired)["id"]
    parameters = {**build_parameters(run_id, CANARY), "nonce": "a" * 32}
    alert = Alert(run_id, "remediation", parameters, CANARY, at, trace)
    assert build_fired_event(alert) == fired
    assert build_resolved_event(alert, at=1_700_000_012.3456) == resolved


def test_ids_are_told_apart() -> None:
    ids = {create_run_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(run_id.startswith("slo-probe-") and len(run_id) == 42 for run_id in ids)


@given(run_id=st.text(min_size=1), at=st.floats(min_value=0, max_value=4e9))
def test_whatever_is_sent_is_info_synthetic_and_for_the_canary(run_id: str, at: float) -> None:
    data = build_event(run_id, at)["data"]
    assert data["labels"]["severity"] == "info"
    assert data["labels"]["synthetic"] == "true"
    assert data["annotations"]["lambda_function"] == "agent-sre-canary"
    json.dumps(data)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda data: data["labels"].update(severity="critical"), "severity"),
        (lambda data: data["labels"].pop("synthetic"), "synthetic"),
        (
            lambda data: data["annotations"].update(lambda_function="flux-reconcile"),
            "only the canary",
        ),
        (lambda data: data["annotations"].pop("lambda_function"), "only the canary"),
        (
            lambda data: data["labels"].update(lambda_function="pod-restart"),
            "no function other than",
        ),
    ],
)
def test_the_guard_refuses(spoil: Callable[[Any], object], rule: str) -> None:
    spoiled = copy.deepcopy(build_event())
    spoil(spoiled["data"])
    with pytest.raises(ForbiddenEventError, match=rule):
        check_alert_is_harmless(spoiled["data"], CANARY)
