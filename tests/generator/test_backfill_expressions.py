"""Expressions of a backfill, split between the server and a Prometheus of its own."""

import re
from random import Random

import promql_parser as ast
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.backfill.expressions import (
    MixedSubqueryError,
    SplitExpression,
    list_metrics,
    split_expression,
)
from slos.schema.promql import check_query, parse_query
from slos.schema.promql_printer import print_template
from tests.generator.promql_strategies import draw_query


def split(expr: str, *recorded: str) -> SplitExpression:
    return split_expression(expr, set(recorded), lambda number: f"backfill:part{number}")


def test_a_guard_is_left_and_the_count_is_a_part() -> None:
    found = split("(\nsum(rate(a[2m]))\n)\nunless on ()\nlast_over_time(own[50s])", "own")
    assert found.text == "backfill:part0 unless on () last_over_time(own[50s])"
    assert found.parts == {"backfill:part0": "(sum(rate(a[120s])))"}


def test_a_total_that_fills_in_for_errors_is_left() -> None:
    found = split("sum(rate(e[2m])) or on (zone) own:total * 0", "own:total")
    assert found.text == "backfill:part0 or on (zone) own:total * 0"
    assert found.parts == {"backfill:part0": "sum(rate(e[120s]))"}


def test_a_constant_is_no_part() -> None:
    assert split("vector(1) * 2") == SplitExpression("vector(1) * 2", {})


def test_a_number_made_of_a_series_stays_a_number() -> None:
    found = split("own * scalar(sum(a))", "own")
    assert found == SplitExpression("own * scalar(backfill:part0)", {"backfill:part0": "sum(a)"})


def test_a_subquery_of_both_kinds_is_refused() -> None:
    with pytest.raises(MixedSubqueryError, match="reads raw and recorded series in a subquery"):
        split("max_over_time((a / own)[1h:1m])", "own")


@given(st.integers(0, 1 << 32), st.randoms())
def test_the_parts_in_their_places_are_the_expression(seed: int, random: Random) -> None:
    try:
        expected = print_template(parse_query(check_query(draw_query(seed))))
        metrics = sorted(list_metrics(expected))
    except ValueError:
        return
    recorded = {metric for metric in metrics if random.random() < 0.5}
    try:
        found = split(expected, *recorded)
    except MixedSubqueryError:
        assert "[" in expected
        return
    assert not list_metrics(found.text) - recorded - set(found.parts)
    for query in found.parts.values():
        assert not list_metrics(query) & recorded
        assert isinstance(parse_query(query), ast.Expr)
    whole = re.sub(r"backfill:part\d+", lambda match: found.parts[match[0]], found.text)
    assert print_template(parse_query(whole)) == expected
