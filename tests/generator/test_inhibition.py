"""Inhibition rules: which alerts a page inhibits, and by which labels."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.alerting.model import Inhibition, Matcher, match_any, match_none
from generator.pipeline import BuildSettings
from generator.settings import RunSettings
from tests.generator.routing import (
    CAUSE_ALERT,
    build_counter_sli,
    build_probe_slo,
    is_matched,
    render_files,
    route_documents,
)
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec
from tests.schema.test_standalone_alerts import build_alert

LIMIT = {"name": "RunsHigh", "above": "5%", "over": "5m"}
NAMES = st.text(st.sampled_from(r"""aA0._-+*|()[]{}^$\" ü"""), min_size=1, max_size=8)


def list_page_inhibitions(*documents: object, **labels: str) -> list[Inhibition]:
    return [
        each
        for each in route_documents(*documents, **labels).inhibitions
        if any(matcher.label == "sloth_severity" for matcher in each.source)
    ]


def matches_all(matchers: tuple[Matcher, ...], labels: dict[str, str]) -> bool:
    return all(is_matched(matcher, labels.get(matcher.label, "")) for matcher in matchers)


def inhibits(rule: Inhibition, source: dict[str, str], target: dict[str, str]) -> bool:
    """As Alertmanager decides; a label that is missing is an empty one."""
    same = all(source.get(label, "") == target.get(label, "") for label in rule.equal)
    return matches_all(rule.source, source) and matches_all(rule.target, target) and same


def build_labels(severity: str, **labels: str) -> dict[str, str]:
    urgency = {"page": "critical", "ticket": "warning"}[severity]
    identity = {"sloth_id": "shop-runs", "sloth_service": "shop", "sloth_slo": "runs"}
    return {**identity, "sloth_severity": severity, "severity": urgency, **labels}


PAGE, TICKET = build_labels("page"), build_labels("ticket")


@pytest.mark.parametrize(
    ("target", "silent"),
    [
        (TICKET, True),
        ({**TICKET, "sloth_id": "shop-other"}, False),
        ({**TICKET, "cluster": "b"}, False),
        ({**TICKET, "path": "direct"}, False),
        ({**TICKET, "sloth_service": "others"}, False),
        (PAGE, False),
    ],
)
def test_a_page_silences_the_ticket_of_its_slo_and_nothing_else(
    target: dict[str, str], *, silent: bool
) -> None:
    (rule,) = list_page_inhibitions(
        build_spec(
            build_probe_slo(), build_slo(sli=build_counter_sli("requests_total", group_by="path"))
        )
    )
    assert inhibits(rule, PAGE, target) is silent


def test_of_a_split_budget_only_the_same_part_is_meant() -> None:
    (rule,) = list_page_inhibitions(
        build_spec(build_probe_slo(sli=build_counter_sli("runs_total", group_by="path, region")))
    )
    direct = {"path": "direct", "region": "eu"}
    assert inhibits(rule, {**PAGE, **direct}, {**TICKET, **direct})
    assert not inhibits(rule, {**PAGE, **direct}, {**TICKET, **direct, "region": "us"})


def test_of_two_runs_only_the_same_is_meant_by_pages_and_by_causes() -> None:
    routing = route_documents(
        build_spec(build_probe_slo(), alerts=[CAUSE_ALERT]), cluster="a", stage="test"
    )
    assert len(routing.inhibitions) == 2
    for rule in routing.inhibitions:
        assert {"cluster", "stage"} <= set(rule.equal)


def test_a_standalone_alert_carries_the_labels_of_the_run_so_that_it_can_be_a_cause() -> None:
    settings = BuildSettings(run_settings=RunSettings(extra_labels={"stage": "test"}))
    plans = build_plans(build_spec(alerts=[build_alert()]), settings=settings)
    rule = plans.plans[0].groups[-1].rules[0]
    assert rule.labels["stage"] == "test"


@pytest.mark.parametrize(
    "total", ["sum without (pod) (rate(r[{{.window}}]))", "rate(r[{{.window}}])"]
)
def test_where_nobody_can_tell_what_splits_a_budget_page_and_ticket_both_come(total: str) -> None:
    queries = {"error_query": total.replace("r[", "failed[", 1), "total_query": total}
    untold = build_slo(name="untold", sli={"events": queries})
    (rule,) = list_page_inhibitions(build_spec(untold, build_probe_slo()))
    other = {"sloth_id": "shop-untold", "sloth_slo": "untold"}
    assert not inhibits(rule, {**PAGE, **other}, {**TICKET, **other})
    assert inhibits(rule, PAGE, TICKET)
    assert list_page_inhibitions(build_spec(untold)) == []


def test_a_limit_is_silent_beside_the_page_unless_it_pages_itself() -> None:
    def list_limits(**labels: str) -> list[Inhibition]:
        alerting = {"name": "Runs", "threshold_alerts": [{**LIMIT, "labels": labels}]}
        return list_page_inhibitions(build_spec(build_probe_slo(alerting=alerting)))

    _, rule = list_limits()
    identity = {
        key: value for key, value in PAGE.items() if key.startswith("sloth_s") or key == "sloth_id"
    }
    high = {**identity, "alertname": "RunsHigh", "severity": "warning", "sloth_severity": ""}
    assert inhibits(rule, PAGE, high)
    assert not inhibits(rule, PAGE, {**high, "alertname": "RunsNoData"})
    assert len(list_limits(severity="critical")) == 1


def test_a_page_that_was_made_less_than_one_silences_nothing() -> None:
    (rule,) = list_page_inhibitions(build_spec(build_probe_slo()))
    assert not inhibits(rule, {**PAGE, "severity": "info"}, TICKET)
    assert inhibits(rule, {**PAGE, "severity": "urgent"}, TICKET)


@given(NAMES, NAMES, NAMES)
def test_names_are_matched_to_the_letter_whatever_they_hold(a: str, b: str, other: str) -> None:
    meant = {a, b}
    assert all(is_matched(match_any("alertname", meant), name) for name in meant)
    assert is_matched(match_any("alertname", meant), other) is (other in meant)
    assert is_matched(match_none("alertname", meant), other) is (other not in meant)


def render_sloth_files(document: dict[str, Any]) -> dict[str, Any]:
    return render_files(document, settings=BuildSettings(profile="sloth"))


def test_rules_of_the_sloth_profile_are_routed_by_sloths_own_labels() -> None:
    alerting = {"name": "Runs", "page_alert": {"labels": {"severity": "pageteam"}}}
    config = render_sloth_files(build_spec(build_probe_slo(alerting=alerting)))["alertmanager.yml"]
    (ours,) = config["route"]["routes"]
    assert ours["matchers"] == ['sloth_service="shop"']
    first = {
        each["receiver"]: each["matchers"]
        for each in ours["routes"]
        if "sloth" in each["matchers"][0]
    }
    assert first == {
        "slo-page": ['sloth_severity="page"'],
        "slo-ticket": ['sloth_severity="ticket"'],
    }
    (rule,) = config["inhibit_rules"]
    assert rule["equal"] == ["sloth_id", "sloth_service", "sloth_slo", "cluster"]


def test_and_what_splits_them_is_read_from_the_rules() -> None:
    config = render_sloth_files(
        build_spec(build_probe_slo(sli=build_counter_sli("runs_total", group_by="path")))
    )["alertmanager.yml"]
    assert "path" in config["inhibit_rules"][0]["equal"]


def test_a_page_inhibits_the_symptoms_that_its_spec_names_where_its_labels_match() -> None:
    symptoms = {"slos": ["shop-other"], "where": 'path="direct"'}
    cause = build_slo(
        name="runs",
        sli=build_counter_sli("runs_total", group_by="path"),
        alerting={"name": "Runs", "page_alert": {"inhibits": symptoms}},
    )
    other = build_slo(name="other", alerting={"name": "Other"})
    rules = [
        each
        for each in route_documents(build_spec(cause, other)).inhibitions
        if each.source[0].label == "alertname"
    ]
    ticket = {"alertname": "OtherTicket", "cluster": "a"}
    for path in ("direct", "broker"):
        page = {**PAGE, "alertname": "Runs", "cluster": "a", "path": path}
        assert [inhibits(rule, page, ticket) for rule in rules] == [path == "direct"]
        assert not inhibits(rules[0], page, {**ticket, "alertname": "OtherNoData"})


def test_an_unknown_symptom_of_a_page_is_reported_where_it_is_named() -> None:
    alerting = {"name": "Runs", "page_alert": {"inhibits": {"slos": ["shop-requst"]}}}
    document = build_spec(build_slo(), build_slo(name="runs", alerting=alerting))
    (problem,) = [
        each for each in build_plans(document).problems if "inhibits names" in each.message
    ]
    assert "'Runs' inhibits names that no spec of this run defines" in problem.message
    assert problem.position.line > 1
