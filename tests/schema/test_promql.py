"""Query templates: window, errors and selectors."""

import promql_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slos.schema.promql import (
    check_template,
    check_windowed_template,
    format_label_set,
    list_selectors,
    parse_query,
    quote_string,
    render_template,
)


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("rate(m[{{.window}}])", "rate(m[5m])"),
        ("rate(m[{{ .window }}])", "rate(m[5m])"),
        ("rate(m[{{   .window   }}])", "rate(m[5m])"),
        ("rate(m[ {{- .window }} ])", "rate(m[5m ])"),
        ("rate(m[ {{ .window -}} ])", "rate(m[ 5m])"),
        ("rate(m[ {{- .window -}} ])", "rate(m[5m])"),
        ("rate(m[\n  {{- .window -}}\n  ])", "rate(m[5m])"),
        ("a[{{.window}}] + b[{{ .window }}]", "a[5m] + b[5m]"),
        ("no action", "no action"),
    ],
)
def test_the_window_is_filled_in_as_go_templates_do(template: str, rendered: str) -> None:
    assert render_template(template, "5m") == rendered


def test_a_good_template_comes_back_unchanged() -> None:
    template = "  sum(\n  rate(m[{{ .window }}]) # per second\n)\n"
    assert check_windowed_template(template) == template


def test_a_query_of_slices_needs_no_window() -> None:
    assert check_template("up == 1") == "up == 1"


def test_every_distinct_selector_is_found_once_in_reading_order() -> None:
    query = 'sum(rate(b{x="1"}[{{.window}}])) / sum(rate(a[{{.window}}])) + rate(b{x="1"}[1m])'
    assert list_selectors(query) == ('b{x="1"}', "a")


def test_selectors_are_found_below_aggregations_functions_and_subqueries() -> None:
    query = "topk(3, a) + max_over_time(rate(b[5m])[1h:1m]) + on() group_left() (-c)"
    assert list_selectors(query) == ("a", "b", "c")


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_becomes_a_string_literal_of_the_same_value(value: str) -> None:
    node = parse_query(f"m{{a={quote_string(value)}}}")
    assert isinstance(node, promql_parser.VectorSelector)
    matcher = node.matchers.matchers[0]
    assert matcher.value == value


def test_a_label_set_is_sorted_and_quoted() -> None:
    assert format_label_set({"b": 'q"', "a": "1"}) == '{a="1", b="q\\""}'
