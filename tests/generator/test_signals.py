"""Signals as rules read them: labels that a spec sets, and the spellings of a bucket."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.slo.signals import match_bucket_spellings
from slos.schema.promql import list_selectors
from tests.generator.promtool import PromtoolEvaluation
from tests.generator.spec_pipeline import build_plans, find_alerting_rule, resolve_single_slo
from tests.schema.specs import build_slo, build_spec
from tests.schema.test_standalone_alerts import build_alert


def build_grouped_slo(by: str, selector: str = "", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    series = f"{{{selector}}}[{{{{.window}}}}]"
    queries = {
        "error_query": f"sum by ({by}) (rate(errors_total{series}))",
        "total_query": f"sum by ({by}) (rate(requests_total{series}))",
    }
    return build_slo(sli={"events": queries}, **changes)


def find_errors(slo: dict[str, Any]) -> list[str]:
    return [each.message for each in build_plans(build_spec(slo)).problems if each.check]


def test_a_grouping_label_that_the_spec_sets_is_summed_over() -> None:
    slo = resolve_single_slo(**build_grouped_slo("cluster, customer", labels={"customer": "acme"}))
    assert slo.signal.group_by == ("cluster",)
    assert slo.signal.total.startswith("sum by (cluster) (sum by (cluster, customer) (")
    assert slo.labels == {"customer": "acme"}


def test_groups_that_differ_only_in_a_label_that_the_spec_sets_are_one(tmp_path: Path) -> None:
    slo = build_grouped_slo("cluster, customer", labels={"customer": "acme"})
    evaluation = PromtoolEvaluation(
        build_spec(slo),
        {
            f'{metric}{{cluster="{cluster}", customer="{customer}"}}': f"0+{rate}x240"
            for metric, rate in (("requests_total", 10), ("errors_total", 1))
            for cluster, customer in (("a", "acme"), ("a", ""), ("b", "other"))
        },
    )
    ratio = 'slo:sli_error:ratio_rate1h{customer="acme", cluster='
    evaluation.expect_value("2h", f'round(100 * sum({ratio}"a"}}))', 10)
    evaluation.expect_value("2h", f'round(100 * sum({ratio}"b"}}))', 10)
    evaluation.expect_value("2h", 'count(slo:sli_error:ratio_rate1h{customer="acme"})', 2)
    evaluation.expect_nothing("2h", 'ALERTS{alertname="TooManyErrorsNoData"}')
    evaluation.run_promtool(tmp_path)


@pytest.mark.parametrize("selector", ['customer="other"', 'customer!~"a.*"', 'customer!="acme"'])
def test_a_label_that_the_query_excludes_is_refused(selector: str) -> None:
    slo = build_grouped_slo("cluster, customer", selector, labels={"customer": "acme"})
    assert any("the query excludes its value 'acme'" in each for each in find_errors(slo))


def test_labels_that_leave_no_grouping_label_are_refused() -> None:
    labels = {"cluster": "a", "customer": "acme"}
    found = find_errors(build_grouped_slo("cluster, customer", labels=labels))
    assert [each for each in found if each.endswith("no other label distinguishes the groups")]


def test_alert_labels_that_override_every_grouping_label_are_refused() -> None:
    alerting = {"name": "A", "labels": {"cluster": "a"}}
    found = find_errors(build_grouped_slo("cluster", alerting=alerting))
    assert any("the labels of A override every grouping label" in each for each in found)
    alerting["labels"] = {"cluster": "{{ $labels.cluster }}"}
    assert not find_errors(build_grouped_slo("cluster", alerting=alerting))


@pytest.mark.parametrize("written", ['le="5"', "le='5.0'", "le=`5`", 'le = "5"'])
def test_a_bucket_in_a_query_is_matched_in_every_spelling(written: str) -> None:
    query = f'sum(rate(m_bucket{{code="200",{written}}}[5m]))'
    assert list_selectors(match_bucket_spellings(query)) == (
        'm_bucket{code="200", le=~"5|5\\\\.0"}',
    )


@pytest.mark.parametrize(
    "query",
    [
        'm_bucket{le="0.5"}',
        'm_bucket{le="+Inf"}',
        'm_bucket{le=~"5|10"}',
        'm_bucket{le!="5"}',
        'm{module="5", le=""}',
        'label_replace(m, "a", "le=\\"5\\"", "", "")',
        'm # le="5"',
    ],
)
def test_other_matchers_and_texts_are_kept(query: str) -> None:
    assert match_bucket_spellings(query) == query


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**9), st.sampled_from(["{}", "{}.0"]))
def test_matching_every_spelling_twice_changes_nothing(bound: int, spelling: str) -> None:
    query = f'm_bucket{{le="{spelling.format(bound)}"}}'
    once = match_bucket_spellings(query)
    assert once != query
    assert match_bucket_spellings(once) == once


def test_a_bucket_of_another_client_is_counted(tmp_path: Path) -> None:
    good = 'sum(rate(latency_bucket{le="5"}[{{.window}}]))'
    total = "sum(rate(latency_count[{{.window}}]))"
    sli = {"good_events": {"good_query": good, "total_query": total}}
    evaluation = PromtoolEvaluation(
        build_spec(build_slo(sli=sli)),
        {'latency_bucket{le="5.0"}': "0+9x240", "latency_count": "0+10x240"},
    )
    evaluation.expect_value("2h", "round(100 * sum(slo:sli_error:ratio_rate1h))", 10)
    evaluation.run_promtool(tmp_path)


def test_a_bucket_in_a_standalone_query_is_matched_in_every_spelling() -> None:
    query = 'sum(rate(latency_bucket{le="5"}[5m]))'
    alert = build_alert(query=query, example=[{"series": 'latency_bucket{le="5"}', "rate": 1}])
    document = build_spec(alerts=[alert])
    rule = find_alerting_rule(document, alert["name"])
    assert list_selectors(rule.expr) == ('latency_bucket{le=~"5|5\\\\.0"}',)
