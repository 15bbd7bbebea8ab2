"""What a spec may say for the page of an alert, and what it may not."""

from typing import Any

import pytest

from slos.schema.contract import Stage, Verdict
from slos.schema.parse import parse_specs
from slos.schema.runbook import Runbook, Step
from tests.schema.specs import as_yaml, parsed, problems_of, slo, spec
from tests.schema.test_plain_alerts import alert

WHOLE: dict[str, Any] = {
    "meaning": "It is\n  down.",
    "impact": "Nobody can buy.",
    "checks": ["Is it there?", {"say": "Why?", "run": "kubectl get pods", "query": "up == 0"}],
    "causes": [{"when": "No pod.", "say": "It was evicted."}],
    "mitigation": ["Restart it."],
    "escalate": "To Kim.",
}


def alerting(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    return {"name": "TooManyErrors", **changes}


def test_all_of_it_may_be_said_and_texts_become_one_line() -> None:
    found = parsed(spec(slo(alerting=alerting(runbook=WHOLE)))).slos[0].alerting.runbook
    assert found.meaning == "It is down."
    assert found.checks[0] == Step(say="Is it there?")
    assert found.checks[1].query == "up == 0"
    assert found.causes[0].when == "No pod."


def test_a_plain_alert_and_each_alert_of_an_slo_may_have_its_own() -> None:
    own = {key: {"runbook": WHOLE} for key in ("page_alert", "ticket_alert", "absent_alert")}
    high = {"name": "High", "above": "5%", "over": "5m", "runbook": WHOLE}
    found = parsed(
        spec(slo(alerting=alerting(**own, threshold_alerts=[high])), alerts=[alert(runbook=WHOLE)])
    )
    assert found.alerts[0].runbook.impact == "Nobody can buy."
    assert found.slos[0].alerting.threshold_alerts[0].runbook.escalate == "To Kim."


def test_what_is_said_of_one_alert_stands_for_what_is_said_of_all() -> None:
    common = Runbook(impact="all", mitigation=[Step(say="wait")])
    merged = Runbook(impact="one").over(common)
    assert merged.impact == "one"
    assert merged.mitigation == common.mitigation
    assert Runbook(mitigation=[]).over(common).mitigation == []


def test_a_service_says_what_verdicts_and_stages_mean_for_it() -> None:
    found = parsed(
        spec(
            runbook={
                "prometheus_url": "https://prometheus.example/",
                "access": ["kubectl port-forward svc/prometheus 9090"],
                "verdicts": {"lost": "look at the loop"},
                "stages": {"end_to_end": {"say": "see the others", "query": "up"}},
            }
        )
    ).runbook
    assert found
    assert found.prometheus_url == "https://prometheus.example"
    assert found.alertmanager_url == "http://localhost:9093"
    assert found.verdicts[Verdict.LOST].say == "look at the loop"
    assert found.stages[Stage.END_TO_END].query == "up"


@pytest.mark.parametrize(
    ("runbook", "line", "said"),
    [
        ({"mening": "x"}, "mening", "mening"),
        ({"meaning": " \n "}, "meaning", "this says nothing"),
        ({"checks": [{"run": "ls"}]}, "run: ls", "say"),
        ({"checks": "look"}, "checks", "list"),
        ({"causes": ["x"]}, "- x", "causes"),
        ({"checks": [{"say": "x", "query": "sum(rate(a[5m])"}]}, "query", "PromQL"),
        ({"checks": [{"say": "x", "query": "rate(a[{{.window}}])"}]}, "query", "as it stands"),
        ({"checks": [{"say": "x", "comand": "ls"}]}, "comand", "comand"),
    ],
)
def test_a_mistake_is_told_where_it_stands(runbook: dict[str, Any], line: str, said: str) -> None:
    document = spec(slo(alerting=alerting(runbook=runbook)))
    problems = problems_of(document)
    text = as_yaml(document).decode().split("\n")
    assert any(said in str(problem) for problem in problems), problems
    assert any(line in text[problem.at.line - 1] for problem in problems), problems


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"prometheus_url": "/graph"}, "no address"),
        ({"prometheus_url": "javascript:alert(1)"}, "no address"),
        ({"alertmanager_url": "http://a b"}, "no address"),
        ({"prometheus_url": "http://a)[x](y"}, "no address"),
        ({"verdicts": {"lots": "x"}}, "lost"),
        ({"stages": {"verify": "x"}}, "verification"),
        ({"criteria": {"AC9.none": "x"}}, "AC1"),
        ({"access": [""]}, "access"),
    ],
)
def test_a_mistake_about_the_service_is_told(service: dict[str, Any], said: str) -> None:
    problems = problems_of(spec(runbook=service))
    assert any(said in str(problem) for problem in problems), problems


def test_settings_are_filled_into_what_is_known() -> None:
    runbook = {"impact": "at most {{.limit}} bytes", "checks": ["{{.limit}}"]}
    found = parsed(spec(settings={"limit": 7}, alerts=[alert(runbook=runbook)])).alerts[0].runbook
    assert found.impact == "at most 7 bytes"
    assert found.checks[0].say == "7"


def test_a_kubernetes_object_says_the_same_under_keys_of_its_own() -> None:
    document = {
        "apiVersion": "sloth.slok.dev/v1",
        "kind": "PrometheusServiceLevel",
        "metadata": {"name": "shop"},
        "spec": {
            "service": "shop",
            "runbook": {
                "prometheusUrl": "https://prometheus.example",
                "verdicts": {"lost": {"say": "x", "run": "ls"}},
            },
            "slos": [
                {
                    "name": "requests",
                    "objective": 99,
                    "sli": {"plugin": {"id": "a"}},
                    "alerting": {"name": "A", "pageAlert": {"runbook": WHOLE}},
                }
            ],
        },
    }
    (found,), problems = parse_specs(as_yaml(document), "shop.yaml")
    assert not problems
    assert found.spec.runbook
    assert found.spec.runbook.verdicts[Verdict.LOST].run == "ls"
    assert found.spec.slos[0].alerting.page_alert.runbook.escalate == "To Kim."
