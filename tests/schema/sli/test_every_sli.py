"""Properties of every SLI type."""

from typing import Any

import pytest

from slos.schema.promql import parse_query, render_template
from slos.schema.query_analysis import Counting, detect_counting
from slos.schema.sli import load_sli_types
from slos.schema.sli_signal import Weight
from tests.schema.specs import EVENTS, parse_signal

GOOD: list[dict[str, Any]] = [
    EVENTS,
    {"raw": {"error_ratio_query": "sum(rate(a[{{.window}}])) / sum(rate(b[{{.window}}]))"}},
    {"latency": {"metric": "m", "threshold": "500ms"}},
    {"latency": {"metric": "m", "threshold": 5, "selector": 'job="x"', "by": ["cluster", "job"]}},
    {"threshold": {"query": "queue_depth", "comparison": "<", "value": 10.5}},
    {"threshold": {"query": "a or b", "comparison": "!=", "value": -1}},
    {"gauge": {"metric": "up", "selector": '{job="x"}', "by": ["job"]}},
    {"gauge": {"metric": "up"}},
    {"probe": {"stage": "verification", "below": "5m"}},
    {"probe": {"verdict": ["ok", "late"]}},
    {"probe": {"criterion": "all"}},
    {"probe": {"criterion": ["AC1.verification", "success.availability"]}},
]
ids = [f"{next(iter(sli))}-{number}" for number, sli in enumerate(GOOD)]


def test_the_registry_knows_every_type_the_issue_asks_for() -> None:
    assert {"events", "raw", "latency", "probe", "threshold", "gauge"} <= set(load_sli_types())


@pytest.mark.parametrize("sli", GOOD, ids=ids)
def test_every_query_is_promql_once_the_window_is_filled_in(sli: dict[str, Any]) -> None:
    signal = parse_signal(sli)
    for query in (signal.errors, signal.total, *signal.sources):
        parse_query(render_template(query, "1m30s"))


@pytest.mark.parametrize("sli", GOOD, ids=ids)
def test_every_source_can_be_watched_for_absence(sli: dict[str, Any]) -> None:
    sources = parse_signal(sli).sources
    assert sources
    for source in sources:
        parse_query(f"absent({source})")
        assert "window" not in source


@pytest.mark.parametrize("sli", GOOD, ids=ids)
def test_the_declared_counting_is_that_of_the_queries(sli: dict[str, Any]) -> None:
    signal = parse_signal(sli)
    if signal.counting is None:
        assert signal.weight is Weight.TIME
    else:
        assert detect_counting(signal.errors) is detect_counting(signal.total) is signal.counting


def test_a_selector_reads_the_same_with_and_without_braces() -> None:
    spellings = ('job="x"', '{job="x"}', ' { job="x", } ', 'job="x",')
    signals = [parse_signal({"gauge": {"metric": "up", "selector": text}}) for text in spellings]
    assert {signal.total for signal in signals} == {
        'sum (count_over_time(up{job="x"}[{{.window}}]))'
    }


def test_errors_and_total_carry_the_same_grouping_labels() -> None:
    for sli in GOOD[3], GOOD[6]:
        signal = parse_signal(sli)
        by = ", ".join(next(iter(sli.values()))["by"])
        assert f"sum by ({by})" in signal.errors
        assert f"sum by ({by})" in signal.total


def test_events_without_errors_yet_have_none_and_their_total_is_watched() -> None:
    signal = parse_signal(EVENTS)
    assert signal.errors_may_be_absent
    assert signal.sources == ("http_requests_total",)
    assert signal.weight is Weight.EVENTS
    assert signal.counting is Counting.PER_SECOND


def test_a_raw_ratio_is_weighted_by_time() -> None:
    signal = parse_signal(GOOD[1])
    assert signal.weight is Weight.TIME
    assert signal.counting is None
    assert signal.sources == ("a", "b")
    assert not signal.errors_may_be_absent


@pytest.mark.parametrize(
    ("good", "bad"),
    [("<", ">="), ("<=", ">"), (">", "<="), (">=", "<"), ("==", "!="), ("!=", "==")],
)
def test_a_slice_is_bad_where_the_comparison_does_not_hold(good: str, bad: str) -> None:
    sli = {"threshold": {"query": "cpu", "comparison": good, "value": 0.8}}
    assert parse_signal(sli).errors.endswith(f" {bad} bool 0.8")


def test_a_gauge_counts_samples_so_each_weighs_the_same() -> None:
    signal = parse_signal({"gauge": {"metric": "up"}})
    assert signal.counting is Counting.PER_SAMPLE
    bad = "count_over_time(up[{{.window}}]) - sum_over_time(up[{{.window}}])"
    assert signal.errors == f"sum (clamp_min({bad}, 0))"
    assert signal.sources == ("up",)
