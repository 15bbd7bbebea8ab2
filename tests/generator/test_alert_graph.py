"""Graph of causes and symptoms: `inhibits` of specs, and its errors."""

from typing import Any

import pytest

from generator.alerting.graph import find_causes, list_alerts
from tests.generator.routing import CAUSE_ALERT, build_counter_sli, build_probe_slo, list_symptoms
from tests.schema.specs import build_slo, build_spec
from tests.schema.test_standalone_alerts import RECORDING, build_alert

ALL_OF_RUNS = {"Runs", "RunsTicket", "RunsNoData"}


def build_reading_alert(query: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    return build_alert(**{"name": "Reading", "query": query, "severity": "warning", **changes})


def test_all_alerts_of_an_slo_that_reads_the_metric_are_symptoms_and_no_others() -> None:
    document = build_spec(build_probe_slo(), build_slo(), alerts=[CAUSE_ALERT])
    assert list_symptoms("ProberDown", document) == ALL_OF_RUNS


@pytest.mark.parametrize(
    ("query", "derived"),
    [
        ("max(probe_up)", True),
        ("max(probe_up) or vector(2)", True),
        ("container_memory_bytes and on () (max(probe_up) > 0)", True),
        ("container_memory_bytes", False),
        ("vector(1)", False),
        ("max(a_probe_up)", False),
        ('slo:sli_error:ratio_rate5m{sloth_id="shop-runs"}', True),
        ('slo:sli_error:ratio_rate5m{sloth_id="shop-requests"}', False),
        ("slo:period_error_budget_remaining:ratio", True),
    ],
)
def test_a_standalone_alert_is_one_when_any_part_of_its_query_reads_it(
    query: str, *, derived: bool
) -> None:
    document = build_spec(
        build_probe_slo(), build_slo(), alerts=[CAUSE_ALERT, build_reading_alert(query)]
    )
    assert ("Reading" in list_symptoms("ProberDown", document)) is derived


def test_recorded_series_are_followed_to_what_they_are_made_of() -> None:
    def build_recording(name: str, query: str, **labels: str) -> dict[str, Any]:
        return {**RECORDING, "record": name, "query": query, "labels": labels}

    recordings = [
        build_recording("probe_memory:ratio", "max(container_memory_bytes)"),
        build_recording("stage:mean", "max(probe_up)"),
        build_recording("stage:share", "stage:mean / 2"),
        build_recording("mixed", "max(probe_up)", of="probes"),
        build_recording("mixed", "max(container_memory_bytes)", of="containers"),
    ]
    queries = {
        "ByName": "probe_memory:ratio",
        "ByTwo": "stage:share",
        "ByLabel": 'mixed{of="containers"}',
        "OfBoth": "mixed",
    }
    readers = [build_reading_alert(query, name=name) for name, query in queries.items()]
    document = build_spec(recordings=recordings, alerts=[CAUSE_ALERT, *readers], slos=[build_slo()])
    assert list_symptoms("ProberDown", document) == {"ByTwo", "OfBoth"}


def test_recordings_that_read_each_other_end_somewhere() -> None:
    loop = [
        {**RECORDING, "record": name, "query": other} for name, other in (("a", "b"), ("b", "a"))
    ]
    document = build_spec(
        recordings=loop,
        alerts=[CAUSE_ALERT, build_reading_alert("a"), build_reading_alert("probe_up", name="X")],
    )
    assert list_symptoms("ProberDown", document) == {"X"}


def test_a_symptom_may_stand_in_another_file() -> None:
    other = build_spec(build_probe_slo(), service="agent")
    assert list_symptoms("ProberDown", build_spec(alerts=[CAUSE_ALERT]), other) == ALL_OF_RUNS


def test_a_named_slo_means_what_burns_and_not_that_its_data_is_gone() -> None:
    limit = {"name": "RunsHigh", "above": "5%", "over": "5m"}
    runs = build_probe_slo(alerting={"name": "Runs", "threshold_alerts": [limit]})
    cause = build_alert(name="Down", inhibits={"slos": ["shop-runs"], "alerts": ["Reading"]})
    document = build_spec(runs, build_slo(), alerts=[cause, build_reading_alert("up")])
    assert list_symptoms("Down", document) == {"Runs", "RunsTicket", "RunsHigh", "Reading"}


def test_neither_the_cause_nor_a_heartbeat_is_silent_for_reading_the_metric() -> None:
    cause = build_alert(name="Down", query="probe_up", inhibits={"metrics": ["probe_"]})
    heart = build_reading_alert(
        "probe_up or vector(0)", name="Heart", heartbeat=True, no_data="firing"
    )
    document = build_spec(build_probe_slo(), alerts=[cause, heart])
    assert list_symptoms("Down", document) == ALL_OF_RUNS


def test_without_a_cause_no_query_is_looked_at() -> None:
    (located,) = [(None, ())]
    assert find_causes([located]) == ()
    assert list_alerts([located]) == ()


def test_an_slo_split_by_labels_is_a_symptom_like_any_other() -> None:
    document = build_spec(
        build_probe_slo(sli=build_counter_sli("probe_runs_total", group_by="path")),
        alerts=[CAUSE_ALERT],
    )
    assert list_symptoms("ProberDown", document) == ALL_OF_RUNS
