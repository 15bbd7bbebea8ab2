"""Verdicts on the requirements of VAL-008 by results of k6: met, missed, or why neither."""

from typing import Any

import pytest

from exporter.k6.plan import K6Plan
from exporter.k6.results import build_engine_documents
from exporter.loadtest.arrivals import ArrivalStep
from exporter.loadtest.histograms import encode_histogram
from exporter.report.content import build_report
from exporter.report.criteria import Judgement

LIMITS = {
    "cloudevent_processing": 5.0, "linear_issue_creation": 10.0, "remediation_selection": 10.0,
    "lambda_execution": 30.0, "verification": 300.0, "end_to_end": 60.0,
}  # fmt: skip
TARGETS = {
    "cloudevent_processing": 100.0, "linear_issue_creation": 50.0, "remediation_selection": 50.0,
    "lambda_execution": 20.0,
}  # fmt: skip
THROUGHPUT = ArrivalStep(1000, 10.0, "up")
BURSTS = [ArrivalStep(10, 0.0, "round 1", 0.0, 1), ArrivalStep(50, 0.0, "round 1", 75.0, 1)]
BLOCKS = [ArrivalStep(0.5, 3600, "even 1800"), ArrivalStep(1.0, 3600, "even 3600", 3600)]


def judge(
    scenario: str,
    steps: list[ArrivalStep],
    calls: list[dict[str, Any]] | None,
    *,
    replied: float = 1.0,
    reply: float = 0.1,
    settings: dict[str, Any] | None = None,
) -> dict[str, Judgement]:
    """Judge a run of one runner; a share of its events has a reply, with a p95 in seconds."""
    plan = K6Plan(
        "8a0b0c0d", scenario, "http://agent-sre/", "70s", 1, 0.99, LIMITS, steps,
        {"settle": "1s", **(settings or {})}, {"compress": 1.0},
    )  # fmt: skip
    metrics: dict[str, dict[str, Any]] = {}
    for number, step in enumerate(steps):
        tags, passes = f"{{scenario:step_{number}}}", round(step.events * replied)
        metrics[f"checks{tags}"] = {"values": {"passes": passes, "fails": step.events - passes}}
        times = dict.fromkeys(("med", "p(95)", "p(99)", "max"), reply * 1000)
        metrics[f"http_req_duration{tags}"] = {"values": times}
    summary = {
        "plan": plan.to_json(), "metrics": metrics, "runner": "k6", "ended_at": 1e9, "duration": 60,
    }  # fmt: skip
    seen = [] if calls is None else [{"run": plan.run, "steps": calls}]
    documents = build_engine_documents([summary], seen)
    for document in documents:
        for step in document["steps"]:
            assert sum(step["verdicts"].values()) == step["sent"], "each event has one verdict"
    return {each.id: each for each in build_report(documents).judgements}


def call(step: int, once: int, seconds: float = 0.2, **counts: int) -> dict[str, Any]:
    """Return the calls of the canary for a step."""
    encoded = encode_histogram([seconds] * once)
    return {"step": step, "executed_once": once, "end_to_end": encoded, **counts}


def test_the_rates_are_met_by_events_that_the_canary_saw_once() -> None:
    judged = judge("throughput", [THROUGHPUT], [call(0, 10_000)], settings={"targets": TARGETS})
    for name, value in (
        ("cloudevents", "throughput-k6: cloudevent_processing 990.1/s, target >100/s"),
        ("remediation_selections", "throughput-k6: remediation_selection 980.4/s, target >50/s"),
        ("lambda_calls", "throughput-k6: lambda_execution 980.4/s, target >20/s"),
    ):
        assert (judged[f"AC2.{name}"].status, judged[f"AC2.{name}"].evidence) == ("met", value)
    issues = judged["AC2.linear_issues"]
    assert issues.status == "not measurable here"
    assert issues.evidence == "linear_issue_creation: neither k6 nor the canary sees issues"
    assert judged["success.throughput"].status == "not measurable here"
    assert judged["AC6.identified"].status == "not measurable here", "k6 has no single events"


def test_events_with_a_reply_that_were_not_executed_miss_the_rates() -> None:
    judged = judge("throughput", [THROUGHPUT], [call(0, 5_000)], settings={"targets": TARGETS})
    assert judged["AC2.cloudevents"].status == "missed"
    assert judged["AC2.lambda_calls"].status == "missed"
    assert judged["done.scenarios"].status == "missed"


def test_without_the_canary_replies_can_miss_a_target_and_never_meet_one() -> None:
    settings = {"targets": TARGETS}
    judged = judge("throughput", [THROUGHPUT], None, settings=settings)
    assert judged["AC2.cloudevents"].status == "not measurable here"
    assert "a reply alone proves nothing" in judged["AC2.cloudevents"].evidence
    judged = judge("throughput", [THROUGHPUT], None, replied=0.5, settings=settings)
    assert judged["AC2.cloudevents"].status == "missed"
    assert judged["AC2.lambda_calls"].status == "not measurable here"


def test_a_stage_whose_bound_is_above_its_target_is_neither_met_nor_missed() -> None:
    """Events of 20 s end to end may have been selected within 10 s, or not."""
    judged = judge("throughput", [THROUGHPUT], [call(0, 10_000, 20)], settings={"targets": TARGETS})
    selections = judged["AC2.remediation_selections"]
    assert selections.status == "not measurable here"
    assert "the end-to-end time, which holds it, is above its target" in selections.evidence
    assert judged["AC2.lambda_calls"].status == "met"


def test_bursts_feed_the_criteria_of_concurrency() -> None:
    settings = {"steepest": 1.5}
    calls = [call(0, 10, 0.1), call(1, 49, 0.5, duplicated=1)]
    judged = judge("concurrent", BURSTS, calls, settings=settings)
    assert judged["AC4.concurrent_10"].status == "met"
    assert judged["AC4.concurrent_50"].status == "missed"
    assert judged["AC4.concurrent_100"].status == "not measurable here"
    assert judged["AC4.no_race"].evidence == (
        "concurrent-k6: cross_talk 0, target <=0; executed_twice 1, target <=0"
    )
    assert judged["AC4.no_race"].status == "missed"
    assert judged["AC4.degrades_gracefully"].status == "met"
    assert "from a lost one" in judged["AC4.no_deadlock"].evidence


@pytest.mark.parametrize(("lost", "status"), [(0, "met"), (1000, "missed")])
def test_the_slowest_block_decides_about_the_sustained_load(lost: int, status: str) -> None:
    calls = [call(0, 1800 - lost), call(1, 3600)]
    judged = judge("sustained", BLOCKS, calls, settings={"target": 1000})
    assert judged["AC2.sustained"].status == status
    assert f"events_per_hour {1800 - lost}" in judged["AC2.sustained"].evidence
    assert judged["AC3.leaks"].evidence == (
        "leaks: k6 does not read the processes of the target; the leak probe does"
    )
    assert judged["success.availability"].status == status


def test_single_events_feed_the_latencies_that_are_seen_from_outside() -> None:
    steps = [ArrivalStep(1, 0.0, "single", 0.0, 75, 1.0)]
    judged = judge("baseline", steps, [call(0, 75)])
    statuses = {name: judged[f"AC1.{name}"].status.value for name in LIMITS}
    assert statuses == {
        "cloudevent_processing": "met",
        "linear_issue_creation": "not measurable here",
        "remediation_selection": "met",
        "lambda_execution": "met",
        "verification": "not measurable here",
        "end_to_end": "met",
    }
    assert "lambda_execution 0.2001 s (0 to 0.2001)" in judged["AC1.lambda_execution"].evidence
    slow = judge("baseline", steps, [call(0, 75, 70)], reply=70)
    assert slow["AC1.end_to_end"].status == slow["AC1.cloudevent_processing"].status == "missed"
    assert slow["AC1.lambda_execution"].status == "not measurable here"
