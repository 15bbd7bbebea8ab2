"""Queries in which `rate` and `increase` are replaced by the counting expressions."""

from collections.abc import Callable
from dataclasses import replace

import promql_parser
import pytest

from generator.model import Steps
from generator.rules.increments import (
    render_delayed_increase,
    render_estimated_increase,
    render_sample_count,
)
from generator.slo import burn_rate
from slos.schema import promql
from slos.schema.units import Duration

_STEPS = burn_rate.choose_steps(
    Duration.parse("15s"),
    [Duration.parse("5m")],
    delay=Duration(0),
    max_gap=Duration.parse("1h"),
)
_GREATER = "(rate(m[1m15s]) > delta(m[1m15s]) / 75 or delta(m[1m15s]) / 75) * 60"


def test_at_once_the_rate_over_one_scrape_more_than_the_step_is_scaled_back_to_the_step() -> None:
    assert render_estimated_increase("sum(rate(m[{{.window}}]))", _STEPS) == f"sum({_GREATER})"


def test_an_increase_counts_as_the_rate_does() -> None:
    assert render_estimated_increase("sum(increase(m[{{.window}}]))", _STEPS) == f"sum({_GREATER})"


def test_the_coarse_count_is_the_counter_minutes_ago_less_the_counter_a_step_before() -> None:
    written = render_delayed_increase("sum(rate(m[{{.window}}]))", _STEPS)
    flat = " ".join(written.split())
    assert flat.startswith("sum( last_over_time(m[10m15s] offset 3m15s) - ((last_over_time(m[10m]")
    assert "last_over_time(m[1h15s] offset 13m15s)) * (min_over_time(m[10m] offset 3m15s)" in flat
    assert flat.endswith(
        "unless resets(m[9m59s999ms] offset 3m15s) > 0 or rate(m[10m15s] offset 3m15s) * 600 )"
    )


def test_beside_other_operands_it_is_put_in_parentheses() -> None:
    query = "2 * rate(m[{{.window}}]) - rate(m[{{.window}}])"
    assert render_estimated_increase(query, _STEPS) == f"2 * ({_GREATER}) - ({_GREATER})"


def test_the_count_of_a_native_histogram_is_scaled_and_not_the_histogram() -> None:
    query = (
        "sum(histogram_count(sum by (a) (increase(m[{{.window}}])))) or sum(rate(m[{{.window}}]))"
    )
    assert render_estimated_increase(query, _STEPS) == (
        f"sum(histogram_count(sum by (a) (rate(m[1m15s]))) * 60) or sum({_GREATER})"
    )
    share = "histogram_fraction(0, 1, rate(m[{{.window}}])) * histogram_count(rate(m[{{.window}}]))"
    assert render_delayed_increase(share, _STEPS) == (
        "histogram_fraction(0, 1, rate(m[10m15s] offset 3m15s))"
        " * (histogram_count(rate(m[10m15s] offset 3m15s)) * 600)"
    )


def test_a_delay_moves_every_read() -> None:
    late = replace(_STEPS, delay=Duration.parse("2m"), coarse_delay=Duration.parse("5m15s"))
    assert render_estimated_increase("rate(m[{{.window}}])", late) == (
        "((rate(m[1m15s] offset 2m) > delta(m[1m15s] offset 2m) / 75"
        " or delta(m[1m15s] offset 2m) / 75) * 60)"
    )
    count = render_sample_count("count_over_time(m[{{.window}}])", late)
    assert count == "count_over_time(m[59s999ms] offset 2m15s)"
    assert "offset 3m15s" not in render_delayed_increase("rate(m[{{.window}}])", late)


@pytest.mark.parametrize("counted", [render_estimated_increase, render_delayed_increase])
@pytest.mark.parametrize(
    "query",
    [
        'sum(m{note="rate(x)", other=\'increase(")\'}) # rate(all',
        "sum(node:rate) by (rate)",
        "sum_over_time(rate[5m])",
    ],
)
def test_what_only_looks_like_a_call_stays(
    counted: Callable[[str, Steps], str], query: str
) -> None:
    assert counted(query, _STEPS) == query


@pytest.mark.parametrize("counted", [render_estimated_increase, render_delayed_increase])
@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ('sum(rate(m{path="a)b", q="\\")"}[{{.window}}]))', 1),
        ("sum by (cluster) (\n  rate (\n    m[{{.window}}] # ) the end\n  )\n)", 1),
        ('label_replace(rate(m[{{.window}}]), "a", "$1", "b", "(.*)")', 1),
        ("sum(rate(a[{{.window}}]) or vector(0)) + sum(increase(b{c=`)`}[{{.window}}]))", 2),
        ("sum(rate(m[{{- .window -}}])) # rate(", 1),
        ("rate(a[{{.window}}]) and rate(b[{{.window}}]) > 0", 2),
    ],
)
def test_whatever_is_written_around_a_call_it_stays_promql_and_is_replaced(
    counted: Callable[[str, Steps], str], query: str, calls: int
) -> None:
    tree = promql.parse_query(counted(query, _STEPS))
    nodes = [node for node in promql.walk_nodes(tree) if isinstance(node, promql_parser.Call)]
    names = [node.func.name for node in nodes]
    assert names.count("rate") == calls
    assert names.count("delta") + names.count("last_over_time") in (2 * calls, 10 * calls)
    assert "increase" not in names
