"""Rules of what a spec watches beside its SLOs."""

import pytest

from generator.model import AlertingRule
from slos.schema.problem import Severity, errors
from tests.generator.resolved import only_plan, planned
from tests.schema.specs import slo, spec
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


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ([spec(alerts=[alert()]), spec(service="b", alerts=[alert()])], "'Down' is taken"),
        (
            [spec(recordings=[RECORDING]), spec(service="b", recordings=[RECORDING])],
            "the series cpu:used:ratio",
        ),
    ],
)
def test_names_are_unique_over_all_files(documents: list[object], said: str) -> None:
    (problem,) = errors(planned(*documents).problems)
    assert said in problem.message
    assert "0.yaml" in problem.hint


def test_a_requirement_nobody_covers_is_a_warning() -> None:
    asked = [{"id": "AC1", "says": "fast"}, {"id": "AC2", "says": "big", "validated_by": "a test"}]
    problems = planned(spec(requirements=asked)).problems
    assert [(p.severity, "'AC1'" in p.message) for p in problems] == [(Severity.WARNING, True)]
    covered = planned(spec(slo(covers=["AC1"]), requirements=asked))
    assert covered.problems == ()
    assert [claim.requirement for claim in covered.coverage.claims] == ["AC1"]


def test_a_claim_to_cover_what_nobody_asked_for_is_an_error() -> None:
    asked = [{"id": "AC1.latency", "says": "fast"}]
    document = spec(slo(covers=["AC1.latencies", "AC1.latency"]), requirements=asked)
    (problem,) = planned(document).problems
    assert "no requirement 'AC1.latencies'" in problem.message
    assert problem.hint == "did you mean 'AC1.latency'?"
    alone = planned(spec(slo(covers=["AC1.latencies"])))
    assert alone.problems == ()


def test_a_requirement_is_asked_once() -> None:
    asked = [{"id": "AC1", "says": says, "validated_by": "b"} for says in "xy"]
    (problem,) = planned(spec(requirements=asked)).problems
    assert "'AC1' is taken" in problem.message
