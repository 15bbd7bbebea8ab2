"""Rules of what a spec watches beside its SLOs."""

from generator.model import AlertingRule
from tests.generator.resolved import only_plan
from tests.schema.specs import spec
from tests.schema.test_plain_alerts import RECORDING, alert

LINKS = {
    "runbook_url_prefix": "https://runbooks.example/",
    "dashboard_url": "https://grafana.example/d/slo",
}


def the_alert(**changes: object) -> AlertingRule:
    plan = only_plan(spec(alerts=[alert(**changes)], **LINKS))
    (rule,) = [r for r in plan.groups[-1].rules if isinstance(r, AlertingRule)]
    return rule


def test_an_alert_compares_its_query_with_its_threshold() -> None:
    assert the_alert().expr == "round((up) < 1, 0.01)"
    above = the_alert(query="up + 1", below=None, above="0.5", quiet=None, firing=None)
    assert above.expr == "round((up + 1) > 0.5, 0.001)"


def test_an_alert_says_who_it_is_about_and_where_to_look() -> None:
    rule = the_alert(labels={"team": "sre"}, annotations={"more": "text"}, **{"for": "5m"})
    assert rule.labels == {"severity": "critical", "sloth_service": "shop", "team": "sre"}
    assert rule.annotations == {
        "summary": "it is down",
        "description": "nothing answers",
        "value": "{{ $value }}, fires below 1",
        "runbook_url": "https://runbooks.example/down.md",
        "dashboard_url": "https://grafana.example/d/slo?var-service=shop",
        "more": "text",
    }
    assert str(rule.for_) == "5m"


def test_alerts_of_an_slo_link_to_its_own_row_of_the_dashboard() -> None:
    plan = only_plan(spec(**LINKS))
    rules = [rule for group in plan.groups for rule in group.rules]
    links = {r.annotations["dashboard_url"] for r in rules if isinstance(r, AlertingRule)}
    assert links == {"https://grafana.example/d/slo?var-slo=shop-requests"}


def test_what_is_recorded_is_a_group_of_its_own() -> None:
    other = {**RECORDING, "labels": {"resource": "cpu"}}
    plan = only_plan(spec(recordings=[RECORDING, other], alerts=[alert()]))
    names = [group.name for group in plan.groups]
    assert names[-2:] == ["slo-recording-cpu:used:ratio", "slo-alert-Down"]
    assert len(plan.groups[-2].rules) == 2
