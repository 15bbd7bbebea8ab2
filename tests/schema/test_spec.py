"""What a spec may say: types, ranges, and our extensions to Sloth's format."""

from decimal import Decimal
from typing import Any

import pytest

from slos.schema.problem import Problem
from slos.schema.units import Duration
from tests.schema.specs import EVENTS, parsed, problems_of, slo, spec


def problem_of_slo(**changes: Any) -> Problem:  # noqa: ANN401 - whatever YAML holds
    """The one problem of an SLO."""
    problems = problems_of(spec(slo(**changes)))
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize("written", [95, 99.9, 99.95, 99.99, 50, 0.1, 99.999])
def test_an_objective_is_read_exactly(written: float) -> None:
    assert parsed(spec(slo(objective=written))).slos[0].objective == Decimal(str(written))


@pytest.mark.parametrize("objective", [0, 100, -5, 100.1, 0.0, 1000])
def test_an_objective_at_or_beyond_0_or_100_is_refused_with_the_reason(objective: float) -> None:
    problem = problem_of_slo(objective=objective)
    assert "objective" in problem.message
    assert "out of reach" in problem.message
    assert "above 0 and below 100" in problem.hint
    assert problem.at.line == 5


@pytest.mark.parametrize("objective", ["99.9", "99.9%", True, None, [99.9], {"is": 99}])
def test_an_objective_that_is_no_number_is_refused(objective: object) -> None:
    problem = problem_of_slo(objective=objective)
    assert "is not an objective" in problem.message
    assert "99.9" in problem.hint


def test_labels_written_as_numbers_or_booleans_become_text() -> None:
    labels = {"tier": 2, "ratio": 0.5, "beta": True, "gone": False, "zero": 0}
    found = parsed(spec(slo(labels=labels), labels=labels))
    expected = {"tier": "2", "ratio": "0.5", "beta": "true", "gone": "false", "zero": "0"}
    assert found.labels == expected
    assert found.slos[0].labels == expected


@pytest.mark.parametrize("name", ["1a", "a-b", "a b", "", "__a", "ä", "a.b"])
def test_a_label_name_that_prometheus_2_refuses_is_refused(name: str) -> None:
    problems = problems_of(spec(labels={name: "x"}))
    assert len(problems) == 1
    assert f"{name!r} is not a label name" in problems[0].message


@pytest.mark.parametrize("value", [None, ["a"], {"a": "b"}])
def test_a_label_value_that_is_no_scalar_is_refused(value: object) -> None:
    assert "labels.a" in problem_of_slo(labels={"a": value}).message


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "a/b", "ä", ".a", "a_"])
def test_a_name_must_start_and_end_with_a_letter_or_digit(name: str) -> None:
    assert f"{name!r} is not a name" in problem_of_slo(name=name).message
    (problem,) = problems_of(spec(service=name))
    assert f"{name!r} is not a name" in problem.message


@pytest.mark.parametrize("name", ["a", "9", "a.b", "a_b", "A-b.c_9"])
def test_names_of_sloth_are_names_here(name: str) -> None:
    assert parsed(spec(slo(name=name), service=name)).slos[0].name == name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 5),
        ("description", ["a"]),
        ("labels", "owner"),
        ("sli", "events"),
        ("sli", None),
        ("alerting", "Alert"),
        ("alerting", ["Alert"]),
        ("period", "a week"),
        ("period", 7),
        ("plugins", "x"),
    ],
)
def test_a_value_of_the_wrong_type_is_reported_at_its_key(key: str, value: object) -> None:
    problem = problem_of_slo(**{key: value})
    assert key in problem.message
    assert problem.at.line > 3


@pytest.mark.parametrize("key", ["name", "objective", "sli", "alerting"])
def test_a_missing_key_is_named(key: str) -> None:
    whole = slo()
    del whole[key]
    (problem,) = problems_of(spec(whole))
    assert f"the key 'slos[0].{key}' is missing" in problem.message
    assert problem.at.line >= 3


@pytest.mark.parametrize("version", ["prometheus/v2", "sloth.slok.dev/v1", 1, None])
def test_another_version_is_refused_and_the_right_one_named(version: object) -> None:
    (problem,) = problems_of(spec(version=version))
    assert "version" in problem.message
    assert "prometheus/v1" in problem.message


def test_a_spec_without_slos_is_refused() -> None:
    (problem,) = problems_of({"version": "prometheus/v1", "service": "a", "slos": []})
    assert "slos" in problem.message


def test_an_sli_of_no_or_of_two_types_is_refused_with_the_known_types() -> None:
    raw = {"raw": {"error_ratio_query": "rate(m[{{.window}}])"}}
    for sli, said in (({}, "none"), ({**EVENTS, **raw}, "events and raw")):
        problem = problem_of_slo(sli=sli)
        assert "exactly one type" in problem.message
        assert said in problem.message
        for known in ("events", "raw", "latency", "probe", "threshold", "gauge"):
            assert known in problem.hint


def test_equal_error_and_total_queries_are_refused_whatever_their_spacing() -> None:
    query = "sum(rate(m[{{.window}}]))"
    sli = {"events": {"error_query": query, "total_query": f"  {query}\n"}}
    assert "are the same" in problem_of_slo(sli=sli).message


def test_an_sli_plugin_is_understood_whoever_has_it() -> None:
    found = parsed(spec(slo(sli={"plugin": {"id": "acme/availability", "options": {"a": 1}}})))
    assert found.slos[0].sli.chosen().model_dump() == {
        "id": "acme/availability",
        "options": {"a": "1"},
    }


def test_alerts_without_a_name_are_refused_unless_both_are_disabled() -> None:
    assert "no name" in problem_of_slo(alerting={}).message
    assert "no name" in problem_of_slo(alerting={"page_alert": {"disable": True}}).message
    off = {"page_alert": {"disable": True}, "ticket_alert": {"disable": True}}
    assert parsed(spec(slo(alerting=off))).slos[0].alerting.name == ""


def test_an_empty_alert_section_means_its_defaults() -> None:
    alerting = {"name": "X", "page_alert": None, "ticket_alert": None, "labels": None}
    found = parsed(spec(slo(alerting=alerting))).slos[0].alerting
    assert not found.page_alert.disable
    assert found.labels == {}


def test_the_timing_extensions_of_alerts_are_read() -> None:
    page = {"for": "2m", "keep_firing_for": "10m", "min_events": 20}
    found = parsed(spec(slo(alerting={"name": "X", "page_alert": page}))).slos[0].alerting
    assert found.page_alert.for_ == Duration.parse("2m")
    assert found.page_alert.keep_firing_for == Duration.parse("10m")
    assert found.page_alert.min_events == 20


@pytest.mark.parametrize(
    "alert",
    [
        {"for": 5},
        {"for": "soon"},
        {"keep_firing_for": "-1m"},
        {"min_events": 0},
        {"min_events": -1},
        {"min_events": "many"},
        {"min_events": 1.5},
        {"disable": "perhaps"},
        {"labels": ["a"]},
    ],
)
def test_bad_timing_of_an_alert_is_refused(alert: dict[str, object]) -> None:
    problem = problem_of_slo(alerting={"name": "X", "page_alert": alert})
    assert f"page_alert.{next(iter(alert))}" in problem.message


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"short_window": "1h", "long_window": "5m"}, "is not shorter than"),
        ({"short_window": "1h", "long_window": "60m"}, "is not shorter than"),
        ({"error_budget_percent": 0}, "error_budget_percent"),
        ({"error_budget_percent": 101}, "error_budget_percent"),
        ({"short_window": "five"}, "short_window"),
    ],
)
def test_own_windows_are_checked(window: dict[str, object], said: str) -> None:
    good = {"error_budget_percent": 2, "short_window": "5m", "long_window": "1h"}
    windows = {
        "page": {"quick": {**good, **window}, "slow": good},
        "ticket": {"quick": good, "slow": good},
    }
    assert said in problem_of_slo(alerting={"name": "X", "windows": windows}).message


@pytest.mark.parametrize(
    "change", [{"above": "500%"}, {"above": True}, {"over": "5"}, {"name": "bad name"}]
)
def test_threshold_alerts_are_checked(change: dict[str, object]) -> None:
    alert = {"name": "T", "above": "5%", "over": "5m", **change}
    problem = problem_of_slo(alerting={"name": "X", "threshold_alerts": [alert]})
    assert f"threshold_alerts[0].{next(iter(change))}" in problem.message


@pytest.mark.parametrize("name", ["Slow", "SlowTicket", "SlowNoData", "Late"])
def test_two_alerts_of_one_slo_have_two_names(name: str) -> None:
    limits = [{"name": each, "above": "5%", "over": "1h"} for each in ("Late", name)]
    alerting = {"name": "Slow", "threshold_alerts": limits}
    problem = problem_of_slo(alerting=alerting)
    assert f"two alerts are called {name!r}" in problem.message
    off = {each: {"disable": True} for each in ("page_alert", "ticket_alert", "absent_alert")}
    if name != "Late":
        assert problems_of(spec(slo(alerting={**alerting, **off}))) == []


def test_sloths_plugin_chains_are_understood() -> None:
    chain = {"overridePrevious": True, "chain": [{"id": "a", "config": {"b": [1]}, "priority": -1}]}
    found = parsed(spec(slo(plugins=chain), slo_plugins=chain))
    assert found.slo_plugins is not None
    assert found.slo_plugins.override_previous
    assert found.slo_plugins.chain[0].priority == -1
