"""Other dialects: mapped to our spec, with problems at the keys that were written."""

from typing import Any

from slos.schema.dialects import dialects
from slos.schema.located import LocatedSpec
from slos.schema.parse import parse_specs
from slos.schema.problem import Problem
from tests.schema.specs import ERRORS, TOTAL, as_yaml

Json = dict[str, Any]
GOOD = 'sum(rate(http_requests_total{code!~"5.."}[{{.window}}]))'


def read(document: object) -> tuple[list[LocatedSpec], list[Problem]]:
    return parse_specs(as_yaml(document), "a.yaml")


def only(document: object) -> LocatedSpec:
    (found,), problems = read(document)
    assert not problems, problems
    return found


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


def test_the_folder_is_the_registry() -> None:
    assert set(dialects()) == {
        ("", ""),
        ("openslo/v1", "SLO"),
        ("openslo/v1alpha", "SLO"),
        ("sloth.slok.dev/v1", "PrometheusServiceLevel"),
    }


def test_an_object_is_our_spec_with_its_metadata() -> None:
    found = only(crd(alerting={"name": "A", "pageAlert": {"for": "1m", "minEvents": 3}}))
    assert found.spec.slos[0].alerting.page_alert.min_events == 3
    assert found.origin.meta
    assert (found.origin.meta.name, found.origin.meta.namespace) == ("shop", "")
    assert found.origin.meta.labels == {"team": "web"}
    assert (found.origin.mode, found.origin.dialect) == ("k8s", "sloth.slok.dev/v1")


def test_places_of_our_keys_are_found_under_their_other_names() -> None:
    document = crd()
    found = only(document)
    at = found.at(("slos", 0, "sli", "events", "error_query"))
    assert key_at(document, Problem(at, "")) == "errorQuery"
    document = alpha()
    at = only(document).at(("slos", 0, "objective"))
    assert key_at(document, Problem(at, "")) == "target"
