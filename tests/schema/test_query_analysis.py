"""Query analysis: which queries can be summed over time, and what they count."""

import pytest

from slos.schema.query_analysis import (
    Counting,
    Grouping,
    NotSummableError,
    detect_counting,
    find_grouping,
)

W = "[{{.window}}]"
RATE = f"rate(m{W})"
HISTOGRAM_COUNT, FRACTION = f"histogram_count({RATE})", f"histogram_fraction(0, 0.5, {RATE})"


@pytest.mark.parametrize(
    ("query", "counting"),
    [
        (RATE, Counting.PER_SECOND),
        (f"sum({RATE})", Counting.PER_SECOND),
        (f"sum by (cluster) ({RATE})", Counting.PER_SECOND),
        (f"sum without (pod) ({RATE})", Counting.PER_SECOND),
        (f"increase(m{W})", Counting.PER_RANGE),
        (f"sum(increase(m{W}))", Counting.PER_RANGE),
        (f"count_over_time(m{W})", Counting.PER_SAMPLE),
        (f"sum(sum_over_time(m{W}))", Counting.PER_SAMPLE),
        (f"sum({RATE}) + sum(rate(n{W}))", Counting.PER_SECOND),
        (f"sum({RATE}) - sum(rate(n{W}))", Counting.PER_SECOND),
        (f"-({RATE})", Counting.PER_SECOND),
        (f"clamp_min({RATE}, 0)", Counting.PER_SECOND),
        (f"clamp_min(sum({RATE}) - sum(rate(n{W})), 0)", Counting.PER_SECOND),
        (f"sum({RATE}) or vector(0)", Counting.PER_SECOND),
        (f"sum({RATE}) > 0", Counting.PER_SECOND),
        (f"sum({RATE}) * 2", Counting.PER_SECOND),
        (f"0.5 * sum({RATE})", Counting.PER_SECOND),
        (f"sum({RATE}) / 1000", Counting.PER_SECOND),
        (f'label_replace({RATE}, "a", "$1", "b", "(.*)")', Counting.PER_SECOND),
        (f"{RATE} * on (pod) group_left (node) kube_pod_info", Counting.PER_SECOND),
        (f"kube_pod_info * on (pod) group_right () {RATE}", Counting.PER_SECOND),
        (f"sum(  # all of them\n{RATE})", Counting.PER_SECOND),
        (f"sum({HISTOGRAM_COUNT})", Counting.PER_SECOND),
        (f"histogram_count(sum by (a) ({RATE}))", Counting.PER_SECOND),
        (f"histogram_sum((increase(m{W})))", Counting.PER_RANGE),
        (f"sum({FRACTION} * {HISTOGRAM_COUNT})", Counting.PER_SECOND),
        (f"sum({HISTOGRAM_COUNT} * ({FRACTION}))", Counting.PER_SECOND),
        (f"sum((1 - {FRACTION}) * histogram_count(({RATE})))", Counting.PER_SECOND),
        (
            f"sum({HISTOGRAM_COUNT}) - sum({FRACTION} * on (a) {HISTOGRAM_COUNT})",
            Counting.PER_SECOND,
        ),
        (f"sum({HISTOGRAM_COUNT}) or sum(rate(m_count{W}))", Counting.PER_SECOND),
    ],
)
def test_a_query_linear_in_counters_can_be_added_up(query: str, counting: Counting) -> None:
    assert detect_counting(query) is counting


@pytest.mark.parametrize(
    ("query", "reason", "hint"),
    [
        (f"avg({RATE})", "avg", "sum"),
        (f"max({RATE})", "max", "sum"),
        (f"min by (a) ({RATE})", "min", "sum"),
        (f"count({RATE})", "count", "sum"),
        (f"topk(3, {RATE})", "topk", "sum"),
        (f"quantile(0.9, {RATE})", "quantile", "sum"),
        (f"sum({RATE}) / sum(rate(n{W}))", "'/'", "separate queries"),
        (f"sum({RATE}) * sum(rate(n{W}))", "'*'", "separate queries"),
        (f"1 / sum({RATE})", "'/'", "separate queries"),
        (f"sum({RATE}) ^ 2", "'^'", "separate queries"),
        (f"sum({RATE}) % 2", "'%'", "separate queries"),
        (f"sum({RATE}) > 5", "'>'", "raw"),
        (f"{RATE} and on () up", "'and'", "raw"),
        (f"{RATE} unless up", "'unless'", "raw"),
        (f"irate(m{W})", "irate()", "rate"),
        (f"delta(m{W})", "delta()", "rate"),
        (f"avg_over_time(m{W})", "avg_over_time()", "raw"),
        (f"max_over_time(m{W})", "max_over_time()", "raw"),
        (f"histogram_quantile(0.9, {RATE})", "histogram_quantile()", "raw"),
        (f"abs({RATE})", "abs()", "raw"),
        (f"rate(m{W} offset 5m)", "shifted in time", "offset"),
        (f"rate(m{W} @ 1600000000)", "shifted in time", "@"),
        (f"rate(m{W} @ end())", "shifted in time", "@"),
        ("rate(m[5m])", "fixed range", "[{{.window}}]"),
        (f"sum({RATE}) + sum(rate(n[1h]))", "fixed range", "[{{.window}}]"),
        ("rate(m[{{.window}}:1m])", "subquery", "counter"),
        (f"sum_over_time({RATE}[1h:1m])", "subquery", "counter"),
        (f"{RATE} + increase(n{W})", "mixes", "throughout"),
        (f"{RATE} + count_over_time(n{W})", "mixes", "throughout"),
        ("m", "without a range function", "rate"),
        ("sum(m)", "without a range function", "rate"),
        (f"m{W}", "without a range function", "rate"),
        (f"sum({RATE}) + n", "without a range function", "rate"),
        ("vector(1)", "vector()", "rate"),
        ("42", "without a range function", "rate"),
        ("vector(0)", "no counter over", "rate"),
        (f"sum({RATE}) > bool 0", "'>'", "raw"),
        (f"clamp_min(sum({RATE}), 5)", "clamp_min()", "raw"),
        (f"sum({RATE}) or vector(1)", "vector()", "rate"),
        (f"100 - sum(increase(m{W}))", "without a range function", "rate"),
        (f"sum({FRACTION})", "histogram_fraction()", "raw"),
        (f"histogram_avg({RATE})", "histogram_avg()", "raw"),
        (f"histogram_count(avg({RATE}))", "no rate of a native histogram", "rate"),
        (f"histogram_count({RATE} * 2)", "no rate of a native histogram", "rate"),
        ("histogram_count(m)", "no rate of a native histogram", "rate"),
        ("histogram_count(rate(m[5m]))", "fixed range", "[{{.window}}]"),
        (f"{FRACTION} * histogram_count(rate(n{W}))", "'*'", "raw"),
        (f"{FRACTION} * histogram_count(sum({RATE}))", "'*'", "raw"),
        (f"{FRACTION} * histogram_sum({RATE})", "'*'", "raw"),
        (f"({FRACTION} / 2) * {HISTOGRAM_COUNT}", "'*'", "raw"),
        (f"{FRACTION} * {FRACTION} * {HISTOGRAM_COUNT}", "'*'", "raw"),
        (f"{FRACTION} * on (a) group_left () {HISTOGRAM_COUNT}", "'*'", "raw"),
    ],
)
def test_any_other_query_is_refused_with_reason_and_hint(
    query: str, reason: str, hint: str
) -> None:
    with pytest.raises(NotSummableError) as refused:
        detect_counting(query)
    message, semicolon, advice = str(refused.value).partition("; ")
    assert semicolon
    assert reason in message
    assert hint in advice


def test_a_window_that_is_only_shifted_inside_an_aggregation_is_found_too() -> None:
    with pytest.raises(NotSummableError, match="shifted in time"):
        detect_counting(f"sum by (a) (label_replace(rate(m{W} offset 1m), 'a', 'b', 'c', 'd'))")


@pytest.mark.parametrize(
    ("query", "grouping"),
    [
        (f"histogram_count(sum({RATE}))", Grouping()),
        (f"histogram_sum((sum by (a) ({RATE})))", Grouping(("a",))),
        (f"histogram_fraction(0, 1, sum by (a) ({RATE}))", Grouping(("a",))),
        (f"histogram_count({RATE})", None),
    ],
)
def test_functions_of_native_histograms_keep_the_grouping(
    query: str, grouping: Grouping | None
) -> None:
    assert find_grouping(query) == grouping
