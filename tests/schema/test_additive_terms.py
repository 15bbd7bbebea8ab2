"""A term of a sum or a difference that has no series counts as zero."""

import json
import os
from pathlib import Path

import promql_parser as ast
import pytest
from hypothesis import given

from slos.schema.additive_terms import fill_missing_terms
from slos.schema.promql import check_template, list_children, parse_template, render_template
from slos.schema.promql_printer import delay_query, print_template
from slos.schema.units import Duration
from tests.generator.promql_strategies import QUERIES, draw_query
from tests.generator.promtool import check_rules, check_rules_on_series

FIRST, COUNT = (int(os.environ.get(name, n)) for name, n in (("FUZZ_SEED", 0), ("FUZZ_COUNT", 200)))

A, B, C = (f"sum by (g) (rate({name}_total[{{{{.window}}}}]))" for name in "abc")
SUM_A, SUM_B, SUM_C = (f"sum(rate({name}_total[{{{{.window}}}}]))" for name in "abc")
# Events a second of each counter: 1 of a in group x; 10 of b in group y; nothing of c and d.
SERIES = {
    'a_total{g="x",i="1"}': "0+30x40",
    'b_total{g="y",i="1"}': "0+300x40",
    'b_total{g="y",i="2"}': "0+300x40",
    'bucket_total{g="x",i="1",le="1"}': "0+15x40",
}
X, Y = '{g="x"}', '{g="y"}'


def test_the_share_of_an_idle_native_histogram_is_dropped() -> None:
    rate = "rate(m[{{.window}}])"
    part = f"histogram_fraction(0, 1, {rate}) * histogram_count({rate})"
    assert fill_missing_terms(f"sum({part})") == f"sum(({part} >= 0))"
    assert fill_missing_terms(f"sum(({part}))") == f"sum(({part} >= 0))"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"{SUM_A} + {SUM_B}", {"{}": 21}),
        (f"{SUM_A} + {SUM_C}", {"{}": 1}),
        (f"{SUM_C} + {SUM_A}", {"{}": 1}),
        (f"{SUM_C} + {SUM_C}", {}),
        (f"{SUM_A} - {SUM_C}", {"{}": 1}),
        (f"{SUM_C} - {SUM_A}", {}),
        (f"({SUM_B} - {SUM_C}) + ({SUM_C} - {SUM_A})", {"{}": 20}),
        (f"{SUM_B} - ({SUM_C} + {SUM_A})", {"{}": 19}),
        (f"{SUM_B} * 2 + 0.5 * {SUM_C} + {SUM_A} / 4", {"{}": 40.25}),
        (f"clamp_min({SUM_B} - {SUM_C}, 0)", {"{}": 20}),
        (f"{SUM_A} + ({SUM_C} or vector(0))", {"{}": 1}),
        (f"({SUM_C} or vector(0)) + {SUM_C}", {"{}": 0}),
        (f"{A} + {B}", {X: 1, Y: 20}),
        (f"{A} + ({C} or vector(0))", {X: 1}),
        (f"{B} - {A}", {Y: 20}),
        (f"{A} + on (g) {B} + on (g) {C}", {X: 1, Y: 20}),
        ("sum(rate(a_total[{{.window}}]) + rate(b_total[{{.window}}]))", {"{}": 21}),
        ("sum by (g) (rate(b_total[{{.window}}]) - rate(c_total[{{.window}}]))", {Y: 20}),
        (
            "sum(rate(a_total[{{.window}}]) - ignoring (le) rate(bucket_total[{{.window}}]))",
            {"{}": 0.5},
        ),
        (
            "sum(rate(b_total[{{.window}}]) - ignoring (le) rate(bucket_total[{{.window}}]))",
            {"{}": 20},
        ),
        (f"({SUM_A} + {SUM_C}) / {SUM_B}", {"{}": 0.05}),
    ],
)
def test_a_term_without_series_counts_as_zero(
    tmp_path: Path, query: str, expected: dict[str, float]
) -> None:
    expr = render_template(fill_missing_terms(query), "5m")
    samples = [{"labels": labels, "value": value} for labels, value in expected.items()]
    check = {"expr": expr, "eval_time": "10m", "exp_samples": samples}
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    check_rules_on_series(tmp_path, series, [check], rule_files=())


@pytest.mark.parametrize(
    "query",
    [
        SUM_A,
        f"{SUM_A} or vector(0)",
        f"1 - {SUM_A}",
        f"{SUM_A} + 0",
        f"vector(0) + {SUM_A}",
        f"{A} + on (g) group_left () {B}",
        f"{A} + {SUM_B}",
        "time() - max(last_success)",
        f"{A} + scalar({SUM_B})",
    ],
)
def test_other_queries_stay_as_they_are(query: str) -> None:
    assert fill_missing_terms(query) == query


@given(QUERIES)
def test_a_printed_query_parses_to_the_same_tree(query: str) -> None:
    try:
        tree = parse_template(check_template(query))
    except ValueError:
        return
    assert describe_node(parse_template(print_template(tree))) == describe_node(tree)


def describe_node(node: ast.Expr) -> list[object]:
    """Everything that a node says, and its children; its text leaves out some of it."""
    plain = [str(getattr(node, name, None)) for name in ("name", "val", "range", "offset", "op")]
    at, modifier = getattr(node, "at", None), getattr(node, "modifier", None)
    return [
        type(node).__name__,
        *plain,
        str(node.step) if isinstance(node, ast.SubqueryExpr) else "",
        None if at is None else (str(at.type), str(at.at)),
        node.func.name if isinstance(node, ast.Call) else "",
        str(node.matchers) if isinstance(node, ast.VectorSelector) else "",
        describe_modifier(modifier),
        *map(describe_node, list_children(node)),
    ]


def describe_modifier(modifier: ast.AggModifier | ast.BinModifier | None) -> list[object]:
    if isinstance(modifier, ast.AggModifier):
        return [str(modifier.type), modifier.labels]
    if modifier is None:
        return []
    matching = modifier.matching
    labels = [] if matching is None else [str(matching.type), matching.labels]
    return [str(modifier.card), modifier.return_bool, labels, modifier.group_labels]


def test_prometheus_loads_what_is_printed_filled_and_delayed(tmp_path: Path) -> None:
    rules = []
    for seed in range(FIRST, FIRST + COUNT):
        query = draw_query(seed)
        try:
            check_template(query)
        except ValueError:
            continue
        delayed = delay_query(query, Duration.from_parts(seconds=90))
        texts = (print_template(parse_template(query)), fill_missing_terms(query), delayed)
        expressions = [render_template(text, "5m") for text in texts]
        rules += [{"record": f"r{seed}_{n}", "expr": e} for n, e in enumerate(expressions)]
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    assert "SUCCESS" in check_rules(path)


@pytest.mark.parametrize(
    "query",
    [
        'a{b=~"\\\\d+\\"x\\""}',
        '{"http.requests", "a.b"="c"}',
        "a offset -5m @ end()",
        "a[5m] offset 1h @ 1700000000",
        "max_over_time(rate(a[90s])[1h:1m] offset 5m)",
        "topk by (x) (5, a)",
        'count_values without (y) ("v", a)',
        "a / on (x) group_left (z) b",
        "a > bool ignoring (x) b",
        "-a ^ 2 + NaN - Inf * 1e30",
        "a or b and c unless d",
        "a / -0 + 1e-300 * 1e+300",
    ],
)
def test_every_kind_of_node_is_printed(query: str) -> None:
    tree = parse_template(query)
    assert describe_node(parse_template(print_template(tree))) == describe_node(tree)
