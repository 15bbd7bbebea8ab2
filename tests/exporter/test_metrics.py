"""Exported metrics: names of the contract, initial zeros, no stale series."""

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.exposition import render_exposition
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import STAGE_BUCKETS, ProbePath, RunMetrics
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.verdict import Reason
from exporter.observers import list_expected_stages, list_visible_stages
from slos.schema import contract
from slos.schema.contract import Criterion, DeliveryPath, Stage, StageSource, Verdict
from slos.schema.units import Duration

if TYPE_CHECKING:
    from exporter.model.stages import StageTimes

TARGETS = {
    Stage.CLOUDEVENT_PROCESSING: Duration(5_000),
    Stage.END_TO_END: Duration(61_500),
    Stage.VERIFICATION: Duration(300_000),
}
RESULT = Run(
    "remediation",
    "direct",
    "slo-probe-1",
    Verdict.OK,
    Reason.EXECUTED_ONCE,
    {
        Stage.CLOUDEVENT_PROCESSING: {StageSource.REPLY: Bounds.exactly(0.5)},
        Stage.END_TO_END: {StageSource.CANARY: Bounds.exactly(61.5)},
    },
)


@pytest.fixture
def metrics(registry: CollectorRegistry) -> RunMetrics:
    Gauges(registry, version="1.2.3")
    return build_metrics(registry)


def build_metrics(registry: CollectorRegistry) -> RunMetrics:
    probe_path = ProbePath(
        "remediation",
        DeliveryPath.DIRECT,
        list_visible_stages(DeliveryPath.DIRECT),
        list_expected_stages(DeliveryPath.DIRECT),
    )
    return RunMetrics(registry, probe_paths=[probe_path], targets=TARGETS)


def read_samples(registry: CollectorRegistry) -> dict[str, float]:
    families = text_string_to_metric_families(render_exposition(registry).decode())
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.usefixtures("metrics")
def test_before_any_run_every_series_is_at_zero(registry: CollectorRegistry) -> None:
    found, text = read_samples(registry), render_exposition(registry).decode()
    for verdict in Verdict:
        labels = [("path", "direct"), ("probe", "remediation"), ("verdict", verdict.value)]
        labels.insert(0, ("accepted", "false"))
        assert found[f"{contract.PROBE_RUNS}{labels}"] == 0
    for outcome in contract.CanaryOutcome:
        assert found[f"{contract.CANARY_REQUESTS}{[('outcome', outcome.value)]}"] == 0
    for operation in contract.JournalOperation:
        assert found[f"{contract.JOURNAL_FAILURES}{[('operation', operation.value)]}"] == 0
    assert found[f"{contract.BUILD_INFO}{[('version', '1.2.3')]}"] == 1
    known = {v.removesuffix("_total") for v in vars(contract).values() if isinstance(v, str)}
    assert {family.name for family in text_string_to_metric_families(text)} <= known
    assert "_created" not in text
    bounds = {float(bound) for bound in re.findall(r'le="([^"]+)"', text)}
    assert {*STAGE_BUCKETS, 5.0, 61.5, 300.0} <= bounds, (
        "every target is a bucket beside the ladder"
    )
    assert 'stage="end_to_end"' in text
    assert 'stage="verification"' not in text, "nobody can see it"
    assert "AC1.verification" not in text
    assert "AC1.remediation_selection" not in text, "it has no target here"


def read_checks(registry: CollectorRegistry) -> dict[str, str]:
    return {
        name.split("'")[3]: name.split("'")[7]
        for name, value in read_samples(registry).items()
        if name.startswith(contract.CHECKS) and value
    }


def test_a_check_that_is_not_configured_neither_passes_nor_fails(
    metrics: RunMetrics, registry: CollectorRegistry
) -> None:
    def read_gauge() -> float | None:
        labels: dict[str, str] = {"criterion": Criterion.RATE_LIMITING}
        return registry.get_sample_value(contract.CHECK_NOT_CONFIGURED, labels)

    metrics.checks.count_outcome("security", [(Criterion.RATE_LIMITING, None)])
    assert (read_gauge(), read_checks(registry)) == (1, {})
    assert metrics.checks.not_configured == {Criterion.RATE_LIMITING}
    metrics.checks.count_outcome("security", [(Criterion.RATE_LIMITING, True)])
    assert (read_gauge(), read_checks(registry)) == (0, {"security.rate_limiting": "pass"})
    assert metrics.checks.not_configured == set()
    metrics.checks.count_outcome("security", [(Criterion.RATE_LIMITING, None)])
    metrics.configure(probe_paths=(), targets={})
    assert (read_gauge(), metrics.checks.not_configured) == (None, set())


SLOW = {Stage.CLOUDEVENT_PROCESSING: {StageSource.REPLY: Bounds.exactly(5.001)}}


@pytest.mark.parametrize(
    ("changes", "results"),
    [
        ({}, ["pass", "pass", "pass"]),
        ({"verdict": Verdict.LATE}, ["pass", "pass", "pass"]),
        ({"verdict": Verdict.LOST, "stage_times": SLOW}, ["fail", "fail", "fail"]),
        ({"verdict": Verdict.UNKNOWN}, []),
    ],
)
def test_a_run_is_checked_against_its_targets(
    metrics: RunMetrics, registry: CollectorRegistry, changes: dict[str, Any], results: list[str]
) -> None:
    run = dataclasses.replace(RESULT, **changes)
    metrics.count_judged(run)
    metrics.count_observed(run)
    names = ["AC1.cloudevent_processing", "AC1.end_to_end", "success.availability"]
    assert read_checks(registry) == dict(zip(names, results, strict=False))
    labels = {"probe": "remediation", "path": "direct"}
    run_labels = {**labels, "verdict": run.verdict, "accepted": "false"}
    counted = registry.get_sample_value(contract.PROBE_RUNS, run_labels)
    assert counted == 1
    stage = labels | {"source": "canary", "stage": "end_to_end"}
    name, at_target = (
        f"{contract.STAGE_DURATION}_bucket",
        len(results) == 3 and not changes.get("stage_times"),
    )
    assert registry.get_sample_value(name, {**stage, "le": "61.5"}) == at_target


@pytest.mark.parametrize(
    ("bounds", "result", "observed"),
    [
        (Bounds(0.2, 4.9), "pass", 4.9),
        (Bounds(0.2, 5.0), "pass", 5.0),
        (Bounds(5.1, 70.0), "fail", 5.1),
        (Bounds(4.0, 6.0), "undecided", None),
    ],
)
def test_a_time_within_bounds_counts_only_if_they_decide(
    metrics: RunMetrics,
    registry: CollectorRegistry,
    bounds: Bounds,
    result: str,
    observed: float | None,
) -> None:
    stage = Stage.CLOUDEVENT_PROCESSING
    times: StageTimes = {**RESULT.stage_times, stage: {StageSource.REPLY: bounds}}
    metrics.count_judged(dataclasses.replace(RESULT, stage_times=times))
    assert read_checks(registry).get("AC1.cloudevent_processing", "undecided") == result
    labels = {"probe": "remediation", "path": "direct", "stage": stage}
    counted = {
        each: registry.get_sample_value(contract.STAGE_INTERVALS, {**labels, "result": each})
        for each in contract.IntervalResult
    }
    assert counted == {each: float(each == result) for each in contract.IntervalResult}
    name, source = contract.STAGE_DURATION, {**labels, "source": "reply"}
    assert registry.get_sample_value(f"{name}_count", source) == (observed is not None)
    assert registry.get_sample_value(f"{name}_sum", source) == (observed or 0)


@given(low=st.floats(min_value=4.9, max_value=5.1), width=st.sampled_from([0.0, 0.001, 0.004, 0.1]))
def test_the_bucket_of_the_target_agrees_with_the_check(low: float, width: float) -> None:
    registry = CollectorRegistry()
    metrics = build_metrics(registry)
    stage, bounds = Stage.CLOUDEVENT_PROCESSING, Bounds(low, low + width)
    times: StageTimes = {**RESULT.stage_times, stage: {StageSource.REPLY: bounds}}
    metrics.count_judged(dataclasses.replace(RESULT, stage_times=times))
    labels = {"probe": "remediation", "path": "direct", "stage": stage, "source": "reply"}
    met = registry.get_sample_value(f"{contract.STAGE_DURATION}_bucket", {**labels, "le": "5.0"})
    assert met == (read_checks(registry).get("AC1.cloudevent_processing") == "pass")


def test_a_stage_without_a_target_counts_only_if_it_is_certain(
    metrics: RunMetrics, registry: CollectorRegistry
) -> None:
    stage = Stage.LAMBDA_EXECUTION
    for bounds in (Bounds(0.2, 0.3), Bounds(0.2, 0.204)):
        times: StageTimes = {**RESULT.stage_times, stage: {StageSource.CANARY: bounds}}
        metrics.count_judged(dataclasses.replace(RESULT, stage_times=times))
    labels = {"probe": "remediation", "path": "direct", "stage": stage, "source": "canary"}
    assert registry.get_sample_value(f"{contract.STAGE_DURATION}_count", labels) == 1


def test_two_registries_share_nothing(metrics: RunMetrics, registry: CollectorRegistry) -> None:
    other = CollectorRegistry()
    RunMetrics(other, probe_paths=[], targets={})
    metrics.count_judged(RESULT)
    assert b'probe="remediation"' not in render_exposition(other)
    assert b'probe="remediation"' in render_exposition(registry)


def test_a_run_that_the_journal_returns_again_is_counted_once(
    metrics: RunMetrics, registry: CollectorRegistry
) -> None:
    labels = {"probe": "remediation", "path": "direct", "verdict": Verdict.OK, "accepted": "false"}
    for _ in range(2):  # each time the prober begins to lead
        metrics.postpone_judged([RESULT])
    metrics.count_postponed()
    metrics.postpone_judged([RESULT])
    metrics.count_postponed()
    assert registry.get_sample_value(contract.PROBE_RUNS, labels) == 1
    assert metrics.list_unmarked() == [RESULT.id]
    metrics.note_marked([RESULT.id])
    assert metrics.list_unmarked() == []
    metrics.postpone_judged([RESULT])
    assert metrics.list_unmarked() == [RESULT.id], "its mark was lost"
