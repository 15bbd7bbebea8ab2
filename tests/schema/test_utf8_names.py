"""Names of metrics and labels that only Prometheus 3 knows."""

from typing import Any

import promql_parser as ast
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.loader import parse_specs
from slos.schema.promql import (
    check_template,
    format_label_names,
    format_label_set,
    format_selector,
    list_selectors,
    parse_query,
)
from slos.schema.promql_printer import print_template
from tests.schema.specs import build_slo, build_spec, dump_yaml

QUOTED = {
    'sum(rate({"http.requests", "http.code"=~"5.."}[5m]))': ['{__name__="http.requests"}'],
    'sum(rate({ "http.requests" }[5m])) / sum(rate({job="a", "up"}[5m]))': [
        '{__name__="http.requests"}, up'
    ],
    'up{"http.code"="500"}': ["'http.code'", "http_code"],
    'sum by ("http.route") (up)': ["without quotes"],
    'up * on ("http.route") group_left () up': ["without quotes"],
    "histogram_avg(rate(up[5m]))": ["histogram_avg"],
    "rate(up[300])": ["[300]"],
}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@pytest.mark.parametrize(("query", "told"), QUOTED.items())
def test_what_needs_prometheus_3_is_valid_when_the_run_says_so(query: str, told: list[str]) -> None:
    with pytest.raises(ValueError, match=r"needs? Prometheus (3|2\.50)") as refused:
        check_template(query)
    assert all(part in str(refused.value) for part in told)
    assert check_template(query, 3) == query


@pytest.mark.parametrize("query", ["mad_over_time(up[5m])", "info(up)", "up offset step()"])
def test_what_needs_a_feature_flag_is_refused_for_prometheus_3_as_well(query: str) -> None:
    with pytest.raises(ValueError, match=r"flag|invalid PromQL"):
        check_template(query, 3)


@example("up", {"INF": "0", "nan": "1", "by": "2", "bool": "3"})
@given(TEXT, st.dictionaries(TEXT.filter(lambda name: name != "__name__"), TEXT, max_size=3))
def test_any_names_become_promql_that_reads_them_again(metric: str, labels: dict[str, str]) -> None:
    matchers = format_label_set(labels)[1:-1]
    query = f"sum by ({format_label_names(labels)}) ({format_selector(metric, matchers)})"
    for text in (query, print_template(parse_query(query))):
        tree = parse_query(text)
        assert isinstance(tree, ast.AggregateExpr)
        assert isinstance(tree.expr, ast.VectorSelector)
        assert read_metric_name(tree.expr) == metric
        read = {each.name: each.value for each in list_label_matchers(tree.expr)}
        assert read == labels
        assert sorted(tree.modifier.labels if tree.modifier else []) == sorted(labels)


def test_a_quoted_metric_and_a_matcher_of_its_name_are_one_selector() -> None:
    query = '{"a.b", x="1"} + {__name__="a.b", x="1"} + {__name__="up"} + {__name__=~"a.*"}'
    first, up, any_name = list_selectors(query)
    assert first == '{__name__="a.b", x="1"}'
    names = [read_metric_name(parse_query(each)) for each in (first, up, any_name)]  # type: ignore[arg-type]
    assert names == ["a.b", "up", ""]


@pytest.mark.parametrize(
    ("sli", "refused"),
    [
        ({"latency": {"metric": "http.time", "threshold": "1s", "by": ["http.route"]}}, 2),
        ({"latency": {"metric": "http.time", "threshold": "1s", "native": True}}, 1),
        ({"gauge": {"metric": "service.up", "selector": '"a.b"="c"', "by": ["service.name"]}}, 3),
        ({"gauge": {"metric": "service_up", "by": ["Inf", "nan"]}}, 2),
    ],
)
def test_an_sli_by_name_has_any_names_when_the_run_says_prometheus_3(
    sli: dict[str, Any], refused: int
) -> None:
    data = dump_yaml(build_spec(build_slo(sli=sli)))
    _, problems = parse_specs(data, "shop.yaml")
    assert len(problems) == refused
    assert all("--prometheus-version 3" in each.hint for each in problems)
    (located,), problems = parse_specs(data, "shop.yaml", prometheus_version=3)
    assert not problems
    signal = located.spec.slos[0].sli.get_type().build_signal()
    for query in (signal.total, signal.errors, *signal.sources):
        assert check_template(query, 3)


@pytest.mark.parametrize("metric", ['http.time{job="a"}', "rate(http.time[5m])", ""])
def test_a_selector_is_no_name_in_any_version(metric: str) -> None:
    sli = {"latency": {"metric": metric, "threshold": "1s"}}
    data = dump_yaml(build_spec(build_slo(sli=sli)))
    for version in (2, 3):
        _, (problem,) = parse_specs(data, "shop.yaml", prometheus_version=version)
        assert "is not a metric name" in problem.message
