"""What Prometheus reads: the names of the contract, zeros before events, no leftovers."""

import dataclasses
import re

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from exporter.exposition import exposition
from exporter.gauges import Gauges
from exporter.judge import Reason
from exporter.metrics import LADDER, Line, Metrics
from exporter.observers import expected, visible
from exporter.result import ProbeResult
from slos.schema import contract
from slos.schema.contract import Route, Source, Stage, Verdict
from slos.schema.units import Duration

TARGETS = {
    Stage.CLOUDEVENT_PROCESSING: Duration(5_000),
    Stage.END_TO_END: Duration(61_500),
    Stage.VERIFICATION: Duration(300_000),
}
RESULT = ProbeResult(
    "remediation",
    "direct",
    "slo-probe-1",
    Verdict.OK,
    Reason.EXECUTED_ONCE,
    {Stage.CLOUDEVENT_PROCESSING: {Source.REPLY: 0.5}, Stage.END_TO_END: {Source.CANARY: 61.5}},
)


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    Gauges(registry, version="1.2.3")
    line = Line("remediation", Route.DIRECT, visible(Route.DIRECT), expected(Route.DIRECT))
    return Metrics(registry, lines=[line], targets=TARGETS)


def samples(registry: CollectorRegistry) -> dict[str, float]:
    families = text_string_to_metric_families(exposition(registry).decode())
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.usefixtures("metrics")
def test_only_names_of_the_contract_are_exposed(registry: CollectorRegistry) -> None:
    names = {
        family.name for family in text_string_to_metric_families(exposition(registry).decode())
    }
    known = {
        value.removesuffix("_total")
        for name, value in vars(contract).items()
        if name.isupper() and isinstance(value, str)
    }
    assert names <= known


@pytest.mark.usefixtures("metrics")
def test_no_created_series_is_exposed(registry: CollectorRegistry) -> None:
    assert b"_created" not in exposition(registry)


@pytest.mark.usefixtures("metrics")
def test_every_counter_starts_at_zero(registry: CollectorRegistry) -> None:
    found = samples(registry)
    for verdict in Verdict:
        labels = [("path", "direct"), ("probe", "remediation"), ("verdict", verdict.value)]
        assert found[f"{contract.PROBE_RUNS}{labels}"] == 0
    for outcome in contract.CanaryOutcome:
        assert found[f"{contract.CANARY_REQUESTS}{[('outcome', outcome.value)]}"] == 0
    for operation in contract.JournalOperation:
        assert found[f"{contract.JOURNAL_FAILURES}{[('operation', operation.value)]}"] == 0
    assert found[f"{contract.BUILD_INFO}{[('version', '1.2.3')]}"] == 1


@pytest.mark.usefixtures("metrics")
def test_stages_nobody_can_see_have_no_series(registry: CollectorRegistry) -> None:
    text = exposition(registry).decode()
    assert 'stage="end_to_end"' in text
    assert 'stage="verification"' not in text
    assert "AC1.verification" not in text
    assert "AC1.remediation_selection" not in text, "it has no target here"


@pytest.mark.usefixtures("metrics")
def test_every_target_is_a_bucket_beside_the_ladder(registry: CollectorRegistry) -> None:
    bounds = {float(bound) for bound in re.findall(r'le="([^"]+)"', exposition(registry).decode())}
    assert {*LADDER, 5.0, 61.5, 300.0} <= bounds


def count(metrics: Metrics, result: ProbeResult) -> None:
    metrics.judged(result)
    metrics.observed(result)


def checks(registry: CollectorRegistry) -> dict[str, str]:
    return {
        name.split("'")[3]: name.split("'")[7]
        for name, value in samples(registry).items()
        if name.startswith(contract.CHECKS) and value
    }


def test_a_stage_at_its_target_passes(metrics: Metrics, registry: CollectorRegistry) -> None:
    count(metrics, RESULT)
    assert checks(registry) == {
        "AC1.cloudevent_processing": "pass",
        "AC1.end_to_end": "pass",
        "success.availability": "pass",
    }
    bucket = f"{contract.STAGE_DURATION}_bucket" + str(
        [
            ("le", "61.5"),
            ("path", "direct"),
            ("probe", "remediation"),
            ("source", "canary"),
            ("stage", "end_to_end"),
        ]
    )
    assert samples(registry)[bucket] == 1


def test_an_unreached_stage_fails(metrics: Metrics, registry: CollectorRegistry) -> None:
    seen = {Stage.CLOUDEVENT_PROCESSING: {Source.REPLY: 5.001}}
    count(metrics, dataclasses.replace(RESULT, verdict=Verdict.LOST, seen=seen))
    assert checks(registry) == {
        "AC1.cloudevent_processing": "fail",
        "AC1.end_to_end": "fail",
        "success.availability": "fail",
    }


def test_late_is_available(metrics: Metrics, registry: CollectorRegistry) -> None:
    count(metrics, dataclasses.replace(RESULT, verdict=Verdict.LATE))
    assert checks(registry)["success.availability"] == "pass"


def test_unknown_counts_for_nothing(metrics: Metrics, registry: CollectorRegistry) -> None:
    count(metrics, dataclasses.replace(RESULT, verdict=Verdict.UNKNOWN))
    assert checks(registry) == {}
    assert not [
        value
        for name, value in samples(registry).items()
        if "duration_seconds_count" in name and value
    ]
    labels = [("path", "direct"), ("probe", "remediation"), ("verdict", "unknown")]
    assert samples(registry)[f"{contract.PROBE_RUNS}{labels}"] == 1


def test_two_registries_share_nothing(metrics: Metrics, registry: CollectorRegistry) -> None:
    other = CollectorRegistry()
    Metrics(other, lines=[], targets={})
    metrics.judged(RESULT)
    assert b'probe="remediation"' not in exposition(other)
    assert b'probe="remediation"' in exposition(registry)
