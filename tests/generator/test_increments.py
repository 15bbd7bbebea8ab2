"""Queries in which `rate` and `increase` are replaced by the counting expressions."""

from collections.abc import Callable

import promql_parser
import pytest

from generator.rules.tiers import render_delayed_increase, render_estimated_increase
from slos.schema import promql
from slos.schema.units import Duration

_MINUTE, _SCRAPE = Duration.parse("1m"), Duration.parse("15s")
_TEN = Duration.parse("10m")
_GREATER = "(rate(m[1m15s]) > delta(m[1m15s]) / 75 or delta(m[1m15s]) / 75) * 60"


def test_at_once_the_rate_over_one_scrape_more_than_the_step_is_scaled_back_to_the_step() -> None:
    assert (
        render_estimated_increase("sum(rate(m[{{.window}}]))", _MINUTE, _SCRAPE)
        == f"sum({_GREATER})"
    )


def test_an_increase_counts_as_the_rate_does() -> None:
    assert (
        render_estimated_increase("sum(increase(m[{{.window}}]))", _MINUTE, _SCRAPE)
        == f"sum({_GREATER})"
    )


def test_settled_is_the_counter_a_scrape_ago_less_the_counter_a_step_before() -> None:
    written = render_delayed_increase("sum(rate(m[{{.window}}]))", _TEN, _SCRAPE)
    assert " ".join(written.split()) == (
        "sum( last_over_time(m[10m15s] offset 15s)"
        " - last_over_time(m[10m15s] offset 10m15s)"
        " * (min_over_time(m[10m] offset 15s) >= bool last_over_time(m[10m15s] offset 10m15s))"
        " unless resets(m[10m15s] offset 15s) > 0"
        " or rate(m[10m15s] offset 15s) * 600 )"
    )


def test_beside_other_operands_it_is_put_in_parentheses() -> None:
    query = "2 * rate(m[{{.window}}]) - rate(m[{{.window}}])"
    assert render_estimated_increase(query, _MINUTE, _SCRAPE) == f"2 * ({_GREATER}) - ({_GREATER})"


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
    counted: Callable[[str, Duration, Duration], str], query: str
) -> None:
    assert counted(query, _MINUTE, _SCRAPE) == query


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
    counted: Callable[[str, Duration, Duration], str], query: str, calls: int
) -> None:
    tree = promql.parse_query(counted(query, _MINUTE, _SCRAPE))
    nodes = [node for node in promql.walk_nodes(tree) if isinstance(node, promql_parser.Call)]
    names = [node.func.name for node in nodes]
    assert names.count("rate") == calls
    assert names.count("delta") + names.count("last_over_time") in (2 * calls, 3 * calls)
    assert "increase" not in names
