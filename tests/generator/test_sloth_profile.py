"""The sloth profile on specs that Sloth has not seen: what is left out, and what is a problem."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from generator.defaults import Defaults
from generator.model import AlertingRule, RuleGroup
from generator.pipeline import Plans, Settings, render_one
from slos.schema.problem import Problem, Severity, errors
from slos.schema.spec import PluginUse
from tests.generator.promtool import check_rules
from tests.generator.resolved import planned
from tests.generator.strategies import Json, specs
from tests.schema.specs import as_yaml, slo, spec

SLOTH = Settings(profile="sloth")
CONTRIB = "sloth.dev/contrib/{}/v1"


def in_sloth(document: object, **defaults: Any) -> Plans:  # noqa: ANN401 - of Defaults
    run = Settings(profile="sloth", defaults=Defaults(**defaults))
    return planned(document, settings=run)


def groups(document: object) -> tuple[RuleGroup, ...]:
    plans = in_sloth(document)
    assert not plans.broken, plans.problems
    return plans.plans[0].groups


def only_problem(document: object) -> Problem:
    (found,) = in_sloth(document).problems
    return found


def chain(*uses: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    return spec(slo(plugins={"chain": list(uses), **more}))


def text_of(plans: Plans) -> str:
    return render_one(plans.plans, "prometheus", SLOTH, path=plans.plans[0].path).text


@settings(max_examples=20, deadline=None)
@given(specs())
def test_whatever_passes_validation_gives_rules_that_promtool_loads(
    tmp_path_factory: pytest.TempPathFactory, document: Json
) -> None:
    plans = in_sloth(document)
    assert errors(plans.problems) == []
    file = tmp_path_factory.mktemp("sloth") / "rules.yaml"
    text = text_of(plans)
    file.write_text(text)
    check_rules(file)
    for read, made in zip(yaml.safe_load(text)["groups"], plans.plans[0].groups, strict=True):
        assert [rule["expr"] for rule in read["rules"]] == [rule.expr for rule in made.rules]


def test_queries_that_cannot_be_counted_are_no_problem_here() -> None:
    """Sloth divides whatever it is given; only the exact profile has to add it up."""
    queries = {"error_query": "max(rate(a[{{.window}}]))", "total_query": "rate(b[{{.window}}])"}
    document = spec(slo(sli={"events": queries}))
    assert planned(document).problems
    assert len(groups(document)) == 3


def test_a_comment_at_the_end_of_a_query_closes_no_bracket() -> None:
    """Sloth's rule would not load; a # within a string is no comment and stays as it is."""
    for written, end in (("up # all", "\n)"), ('up{a="#"}', ")")):
        query = f"avg_over_time(up[{{{{.window}}}}]) + {written}"
        document = spec(slo(sli={"raw": {"error_ratio_query": query}}))
        assert groups(document)[0].rules[0].expr == f"(avg_over_time(up[5m]) + {written}{end}"


def test_what_has_no_place_is_named_in_one_warning() -> None:
    alerting = {
        "name": "A",
        "page_alert": {"for": "1m", "min_events": 5},
        "ticket_alert": {"keep_firing_for": "1m"},
        "absent_alert": {"for": "15m"},
        "threshold_alerts": [{"name": "T", "above": "5%", "over": "5m"}],
    }
    problem = only_problem(spec(slo(alerting=alerting)))
    assert problem.severity is Severity.WARNING
    for key in (
        "page_alert.for",
        "page_alert.min_events",
        "ticket_alert.keep_firing_for",
        "absent_alert",
        "threshold_alerts",
    ):
        assert key in problem.message
    assert problem.at.line


def test_a_period_of_an_slo_is_honoured() -> None:
    (sli, *_) = groups(spec(slo(period="28d")))
    assert sli.rules[-1].expr.count("[4w]") == 2


def test_files_of_windows_leave_no_other_period() -> None:
    found = in_sloth(spec(), windows={})
    (problem,) = found.problems
    assert "30d" in problem.message
    assert found.broken


def test_a_go_plugin_is_refused_where_it_is_named() -> None:
    problem = only_problem(chain({"id": "acme/own/v1"}))
    assert "Go" in problem.message
    assert CONTRIB.format("info_labels") in problem.hint
    assert problem.at.line


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("info_labels", {}, "labels"),
        ("info_labels", {"labels": {"a": 1}}, "expected text"),
        ("info_labels", {"labels": {}}, "labels"),
        ("rule_intervals", {"interval": {"alert": "5m"}}, "default"),
        ("rule_intervals", {"interval": {"default": "x"}}, "not a duration"),
        ("error_budget_exhausted_alert", {"for": ""}, "not a duration"),
        ("error_budget_exhausted_alert", {"threshold": "much"}, "expected a number"),
        ("remove_labels", "{}", "expected a mapping"),
    ],
)
def test_a_plugin_says_what_is_wrong_with_its_configuration(
    name: str, config: object, said: str
) -> None:
    problem = only_problem(chain({"id": CONTRIB.format(name), "config": config}))
    assert said in problem.message
    assert problem.at.line


def test_keys_of_a_configuration_may_be_written_in_any_case_and_others_are_passed_over() -> None:
    config = {"LABELS": {"a": "b"}, "metricname": "slo:objective:ratio", "other": 1}
    _, meta, _ = groups(chain({"id": CONTRIB.format("info_labels"), "config": config}))
    assert meta.rules[0].labels["a"] == "b"


def test_the_denominator_is_corrected_for_events_only() -> None:
    document = chain({"id": CONTRIB.format("denominator_corrected_rules")})
    document["slos"][0]["sli"] = {"raw": {"error_ratio_query": "rate(a[{{.window}}])"}}
    assert "'events'" in only_problem(document).message


def test_overriding_with_nothing_is_a_mistake() -> None:
    assert "overridePrevious" in only_problem(chain(overridePrevious=True)).message


def test_plugins_of_the_run_come_first_and_the_slo_has_the_last_word() -> None:
    id_ = CONTRIB.format("info_labels")

    def labels(value: str) -> dict[str, Any]:
        return {"id": id_, "config": {"labels": {"who": value, value: "here"}}}

    document = spec(slo(plugins={"chain": [labels("slo")]}), slo_plugins={"chain": [labels("doc")]})
    run = (PluginUse(**labels("run")),)
    found = in_sloth(document, slo_plugins=run).plans[0].groups[1].rules[-1].labels
    assert found["who"] == "slo"
    assert {"slo", "doc", "run"} <= set(found)
    document["slos"][0]["plugins"]["chain"][0]["priority"] = -1
    found = in_sloth(document, slo_plugins=run).plans[0].groups[1].rules[-1].labels
    assert found["who"] == "doc"
    assert "slo" not in found


def test_of_overriding_plugins_those_of_the_slo_stand_alone() -> None:
    core = "sloth.dev/core/{}/v1"
    document = spec(
        slo(plugins={"overridePrevious": True, "chain": [{"id": core.format("alert_rules")}]}),
        slo_plugins={"chain": [{"id": core.format("metadata_rules")}]},
    )
    assert [group.name for group in groups(document)] == ["sloth-slo-alerts-shop-requests"]
    document = spec(
        slo(plugins={"chain": [{"id": core.format("alert_rules")}]}),
        slo_plugins={
            "overridePrevious": True,
            "chain": [{"id": core.format(name)} for name in ("noop", "debug", "validate")],
        },
    )
    assert [group.name for group in groups(document)] == ["sloth-slo-alerts-shop-requests"]


def test_a_period_as_short_as_the_shortest_window_cannot_be_a_mean_of_it() -> None:
    window = {"error_budget_percent": 1, "short_window": "5m", "long_window": "10m"}
    pair = {"quick": window, "slow": window}
    alerting = {"name": "A", "windows": {"page": pair, "ticket": pair}}
    document = spec(slo(period="5m", alerting=alerting))
    (problem,) = errors(in_sloth(document).problems)
    assert "shortest window" in problem.message


def test_the_exact_profile_passes_plugins_over_with_a_warning() -> None:
    document = spec(slo_plugins={"chain": [{"id": CONTRIB.format("remove_labels")}]})
    (problem,) = planned(document).problems
    assert problem.severity is Severity.WARNING
    assert "passed over" in problem.message


def test_labels_written_as_numbers_are_the_texts_that_sloth_makes_of_them() -> None:
    written = {"a": 1.10, "b": 1000000.0, "c": 2, "d": True, "e": 0.123456789, "f": "1.10"}
    alerting = {"name": "A", "labels": {"x": 0.50}, "page_alert": {"annotations": {"z": 1e-7}}}
    (sli, _, alerts) = groups(spec(slo(labels={"g": 3.0}, alerting=alerting), labels=written))
    found = {"a": "1.1", "b": "1e+06", "c": "2", "d": "true", "e": "0.12345679", "f": "1.10"}
    assert {**found, "g": "3"}.items() <= sli.rules[0].labels.items()
    page, _ = alerts.rules
    assert page.labels["x"] == "0.5"
    assert isinstance(page, AlertingRule)
    assert page.annotations["z"] == "1e-07"


@pytest.mark.parametrize(
    ("plugin", "config", "said"),
    [
        ("info_labels", {"labels": {"a-b": "x"}}, "not a label name"),
        ("info_labels", {"labels": {}}, "config.labels"),
        ("error_budget_exhausted_alert", {"alert_labels": {"a b": "x"}}, "not a label name"),
        ("error_budget_exhausted_alert", {"alert_labels": {"a": "{{ x }}"}}, "names x"),
        ("error_budget_exhausted_alert", {"annotations": {"e-f": "z"}}, "not a label name"),
        ("error_budget_exhausted_alert", {"annotations": {"e": "{{ if }}"}}, "says nothing"),
        ("error_budget_exhausted_alert", {"selector_labels": {"c d": "y"}}, "not a label name"),
        ("error_budget_exhausted_alert", {"alert_name": ""}, "config.alert_name"),
        ("error_budget_exhausted_alert", "x", "config: expected a mapping of keys, not 'x'"),
        ("rule_intervals", [1], "config: expected a mapping of keys, not a list"),
    ],
)
def test_a_configuration_that_gives_rules_prometheus_refuses_is_a_problem_at_its_line(
    plugin: str, config: object, said: str
) -> None:
    chain = {"chain": [{"id": CONTRIB.format(plugin), "config": config}]}
    document = spec(slo(), slo_plugins=chain)
    (problem,) = errors(in_sloth(document).problems)
    assert said in problem.message
    assert problem.at.line >= as_yaml(document).decode().splitlines().index("slo_plugins:") + 1


def test_a_configuration_that_is_a_text_is_a_problem_of_every_plugin() -> None:
    chain = {"chain": [{"id": "sloth.dev/core/noop/v1", "config": "x"}]}
    (problem,) = errors(in_sloth(spec(slo(plugins=chain))).problems)
    assert problem.message == "config: expected a mapping of keys, not 'x'"


def test_an_alert_may_fire_at_once() -> None:
    config = {"for": "0s", "selector_labels": {"a": "{{"}}
    chain = {"chain": [{"id": CONTRIB.format("error_budget_exhausted_alert"), "config": config}]}
    (_, _, alerts) = groups(spec(slo(plugins=chain)))
    exhausted = alerts.rules[-1]
    assert isinstance(exhausted, AlertingRule)
    assert exhausted.for_ is None
