"""Other dialects: mapped to our spec, with problems at the keys that were written."""

import copy
from decimal import Decimal
from typing import Any

import pytest

from slos.schema.dialects import dialects
from slos.schema.located import LocatedSpec
from slos.schema.parse import parse_specs
from slos.schema.problem import Problem, Severity
from slos.schema.sli.raw import RawSli
from tests.schema.specs import ERRORS, TOTAL, as_yaml

Json = dict[str, Any]
GOOD = 'sum(rate(http_requests_total{code!~"5.."}[{{.window}}]))'


def read(document: object) -> tuple[list[LocatedSpec], list[Problem]]:
    return parse_specs(as_yaml(document), "a.yaml")


def only(document: object) -> LocatedSpec:
    (found,), problems = read(document)
    assert not problems, problems
    return found


def problem_of(document: object) -> Problem:
    found, (problem,) = read(document)
    assert not found
    return problem


def key_at(document: object, problem: Problem) -> str:
    """The key or entry on the line a problem points at."""
    line = as_yaml(document).decode().splitlines()[problem.at.line - 1]
    return line.strip().removeprefix("- ").partition(":")[0]


def crd(**changes: Any) -> Json:  # noqa: ANN401 - YAML
    slo = {
        "name": "requests",
        "objective": 99.9,
        "sli": {"events": {"errorQuery": ERRORS, "totalQuery": TOTAL}},
        "alerting": {"name": "A", "pageAlert": {"labels": {"a": "b"}}},
        **changes,
    }
    return {
        "apiVersion": "sloth.slok.dev/v1",
        "kind": "PrometheusServiceLevel",
        "metadata": {"name": "shop", "uid": "x", "labels": {"team": "web"}},
        "spec": {"service": "shop", "slos": [slo]},
        "status": {"processedSLOs": 1},
    }


def alpha(**changes: Any) -> Json:  # noqa: ANN401 - YAML
    def query(text: str) -> Json:
        return {"source": "prometheus", "queryType": "promql", "query": text}

    objective = {
        "ratioMetrics": {"good": query(GOOD), "total": query(TOTAL)},
        "target": 0.999,
        "displayName": "a",
        "value": 1,
    }
    return {
        "apiVersion": "openslo/v1alpha",
        "kind": "SLO",
        "metadata": {"name": "requests", "displayName": "Requests"},
        "spec": {
            "service": "shop",
            "budgetingMethod": "Occurrences",
            "objectives": [objective],
            "timeWindows": [{"unit": "Day", "count": 28, "isRolling": True}],
            **changes,
        },
    }


def metric(query: str, **changes: Any) -> Json:  # noqa: ANN401 - YAML
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}, **changes}}


def v1(ratio: Json | None = None, **changes: Any) -> Json:  # noqa: ANN401 - YAML
    ratio = ratio or {"counter": True, "bad": metric(ERRORS), "total": metric(TOTAL)}
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "requests", "labels": {"team": ["web"]}},
        "spec": {
            "description": "Works.",
            "service": "shop",
            "indicator": {"metadata": {"name": "x"}, "spec": {"ratioMetric": ratio}},
            "timeWindow": [{"duration": "4w", "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"displayName": "a", "target": 0.999}],
            **changes,
        },
    }


def test_the_folder_is_the_registry() -> None:
    assert set(dialects()) == {
        ("", ""),
        ("openslo/v1", "SLO"),
        ("openslo/v1alpha", "SLO"),
        ("sloth.slok.dev/v1", "PrometheusServiceLevel"),
    }


@pytest.mark.parametrize(
    "head",
    [{"apiVersion": "openslo/v1", "kind": "Service"}, {"kind": "SLO"}, {"apiVersion": "v1"}],
)
def test_an_unknown_kind_is_told_what_is_known(head: Json) -> None:
    problem = problem_of({**head, "spec": {}})
    for known in ("openslo/v1 SLO", "PrometheusServiceLevel", "prometheus/v1"):
        assert known in problem.hint
    assert problem.at.line == 1


def test_an_object_is_our_spec_with_its_metadata() -> None:
    found = only(crd(alerting={"name": "A", "pageAlert": {"for": "1m", "minEvents": 3}}))
    assert found.spec.slos[0].alerting.page_alert.min_events == 3
    assert found.origin.meta
    assert (found.origin.meta.name, found.origin.meta.namespace) == ("shop", "")
    assert found.origin.meta.labels == {"team": "web"}
    assert (found.origin.mode, found.origin.dialect) == ("k8s", "sloth.slok.dev/v1")


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"objective": 100}, "objective", "out of reach"),
        ({"alerting": {"name": "A", "page_alert": {}}}, "page_alert", "unknown key"),
        ({"alerting": {}}, "alerting", "no name"),
        ({"sli": {"raw": {"errorRatioQuery": "up"}}}, "errorRatioQuery", "{{.window}}"),
        ({"sli": {"events": {"errorQuery": ERRORS}}}, "events", "totalQuery"),
    ],
)
def test_problems_of_an_object_are_at_the_keys_of_the_object(
    changes: Json, key: str, said: str
) -> None:
    document = crd(**changes)
    problem = problem_of(document)
    assert said in f"{problem.message} {problem.hint}"
    assert key_at(document, problem) == key


def test_a_snake_case_key_is_told_its_camel_case() -> None:
    problem = problem_of(crd(alerting={"name": "A", "page_alert": {}}))
    assert "'pageAlert'" in problem.hint


def test_places_of_our_keys_are_found_under_their_other_names() -> None:
    document = crd()
    found = only(document)
    at = found.at(("slos", 0, "sli", "events", "error_query"))
    assert key_at(document, Problem(at, "")) == "errorQuery"
    document = alpha()
    at = only(document).at(("slos", 0, "objective"))
    assert key_at(document, Problem(at, "")) == "target"


def test_every_objective_of_openslo_is_an_slo_without_alerts() -> None:
    first = alpha()["spec"]["objectives"][0]
    found = only(alpha(objectives=[first, {**first, "target": 0.57}]))
    assert [slo.name for slo in found.spec.slos] == ["requests-0", "requests-1"]
    assert [slo.objective for slo in found.spec.slos] == [Decimal("99.9"), Decimal(57)]
    assert str(found.spec.period) == "4w"
    for slo in found.spec.slos:
        assert slo.alerting.page_alert.disable
        assert slo.alerting.ticket_alert.disable


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"timeWindows": [{"unit": "Month", "count": 1}]}, "unit", "day"),
        ({"timeWindows": [{"unit": "Day", "count": 1}] * 2}, "timeWindows", "one time window"),
        ({"objectives": []}, "objectives", "at least one"),
        ({"service": "a b"}, "service", "not a name"),
    ],
)
def test_what_alpha_cannot_mean_is_a_problem_at_its_key(changes: Json, key: str, said: str) -> None:
    document = alpha(**changes)
    problem = problem_of(document)
    assert said in f"{problem.message} {problem.hint}"
    assert key_at(document, problem) == key


@pytest.mark.parametrize("target", [1, 0, 1.5])
def test_a_target_that_is_no_objective_is_a_problem_at_the_target(target: float) -> None:
    for document in (alpha(), v1()):
        document["spec"]["objectives"][0]["target"] = target
        problem = problem_of(document)
        assert "out of reach" in problem.message
        assert key_at(document, problem) == "target"


@pytest.mark.parametrize(
    ("ratio", "query"),
    [
        ({"raw": metric(GOOD), "rawType": "failure"}, GOOD),
        ({"raw": metric(GOOD), "rawType": "success"}, f"1 - ({GOOD})"),
    ],
)
def test_raw_ratios_of_v1_are_shares_of_errors(ratio: Json, query: str) -> None:
    sli = only(v1(ratio)).spec.slos[0].sli.chosen()
    assert isinstance(sli, RawSli)
    assert sli.error_ratio_query == query


def test_bad_and_total_of_v1_are_events() -> None:
    found = only(v1()).spec.slos[0]
    assert found.sli.chosen().model_dump() == {"error_query": ERRORS, "total_query": TOTAL}
    assert found.objective == Decimal("99.9")


def test_good_and_total_are_counted_in_both_versions() -> None:
    ratio = {"good": metric(GOOD), "total": metric(TOTAL)}
    for document in (alpha(), v1(ratio)):
        sli = only(document).spec.slos[0].sli.chosen()
        assert sli.KEY == "good_events"
        assert sli.model_dump() == {"good_query": GOOD, "total_query": TOTAL}


def test_a_percentage_of_v1_is_the_objective_as_written() -> None:
    found = only(v1(objectives=[{"targetPercent": 99.95}]))
    assert found.spec.slos[0].objective == Decimal("99.95")
    assert not found.origin.in_shares


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"timeWindow": [{"duration": "1M"}]}, "duration", "no fixed length"),
        ({"timeWindow": [{"duration": "28d", "isRolling": False}]}, "duration", "rolling"),
        ({"timeWindow": [{"duration": "28d", "calendar": {}}]}, "duration", "rolling"),
        ({"budgetingMethod": "Timeslices"}, "budgetingMethod", "threshold"),
        ({"objectives": [{"target": 0.9, "targetPercent": 90}]}, "target", "one target"),
        ({"indicator": {"spec": {"thresholdMetric": {}}}}, "spec", "ratioMetric"),
        ({"indicator": None, "indicatorRef": "x"}, "spec", "inline"),
    ],
)
def test_what_v1_cannot_mean_here_is_a_problem_at_its_key(
    changes: Json, key: str, said: str
) -> None:
    document = v1(**changes)
    problem = problem_of(document)
    assert said in f"{problem.message} {problem.hint}"
    assert key_at(document, problem) == key


@pytest.mark.parametrize(
    "ratio",
    [
        {"good": metric(GOOD)},
        {"good": metric(GOOD), "bad": metric(ERRORS), "total": metric(TOTAL)},
        {"raw": metric(GOOD)},
        {"good": metric(GOOD, type="Datadog"), "total": metric(TOTAL)},
    ],
)
def test_a_ratio_of_v1_is_exactly_one_of_three(ratio: Json) -> None:
    assert problem_of(v1(ratio)).at.line


def test_alert_policies_of_v1_are_left_out_with_a_warning() -> None:
    found, (problem,) = read(v1(alertPolicies=[{"alertPolicyRef": "x"}]))
    assert found
    assert problem.severity is Severity.WARNING


@pytest.mark.parametrize("path", [(), ("metadata",), ("spec",), ("spec", "objectives", 0)])
@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_unknown_keys_of_openslo_are_mistakes_unless_told_otherwise(
    version: str, path: tuple[str | int, ...]
) -> None:
    document = copy.deepcopy(v1() if version == "v1" else alpha())
    target: Any = document
    for step in path:
        target = target[step]
    target["foo"] = 2
    problem = problem_of(document)
    assert "unknown key" in problem.message
    assert key_at(document, problem) == "foo"
    found, problems = parse_specs(as_yaml(document), "a.yaml", lenient=True)
    assert found
    assert not problems
