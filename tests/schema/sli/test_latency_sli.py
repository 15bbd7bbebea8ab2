"""The `latency` SLI: spellings of the bucket, and missing buckets."""

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slos.schema.promql import list_selectors
from slos.schema.query_analysis import detect_counting
from slos.schema.sli_signal import Weight, build_le_pattern
from tests.schema.specs import parse_signal


@pytest.mark.parametrize(
    ("threshold", "python", "go"),
    [
        ("5", "5.0", "5"),
        ("0.5", "0.5", "0.5"),
        ("10", "10.0", "10"),
        ("300", "300.0", "300"),
        ("0.005", "0.005", "0.005"),
        ("0.00001", "1e-05", "1e-05"),
        ("2.5", "2.5", "2.5"),
        ("1000000", "1000000.0", "1e+06"),
        ("10000000", "10000000.0", "1e+07"),
    ],
)
def test_both_spellings_of_a_bucket_match_and_no_other_bucket(
    threshold: str, python: str, go: str
) -> None:
    pattern = build_le_pattern(Decimal(threshold))
    assert re.fullmatch(pattern, python)
    assert re.fullmatch(pattern, go)
    for other in ("+Inf", f"{go}0", f"1{go}", python.replace(".", "x") if "." in python else "x"):
        assert not re.fullmatch(pattern, other)


@settings(deadline=None, max_examples=200)
@given(st.decimals(min_value="0.001", max_value=100_000, places=3))
def test_every_threshold_matches_the_python_spelling_and_its_own(threshold: Decimal) -> None:
    pattern = build_le_pattern(threshold)
    assert re.fullmatch(pattern, repr(float(threshold)))
    shortest = format(threshold.normalize(), "f")
    assert re.fullmatch(pattern, shortest)
    assert not re.fullmatch(pattern, repr(float(threshold) + 1))


@pytest.mark.parametrize(
    ("written", "le"),
    [
        ("500ms", r"0\\.5"),
        ("5s", r"5|5\\.0"),
        (0.5, r"0\\.5"),
        (5, r"5|5\\.0"),
        ("1m", r"60|60\\.0"),
    ],
)
def test_a_threshold_is_a_duration_or_a_number_in_the_metrics_unit(
    written: object, le: str
) -> None:
    signal = parse_signal({"latency": {"metric": "m", "threshold": written}})
    assert f'le=~"{le}"' in signal.errors


def test_errors_need_the_bucket_so_a_missing_one_is_no_data_rather_than_perfection() -> None:
    signal = parse_signal({"latency": {"metric": "m", "threshold": "5s", "selector": 'job="x"'}})
    assert signal.sources == ('m_bucket{job="x", le=~"5|5\\\\.0"}',)
    assert not signal.errors_may_be_absent
    assert " - " in signal.errors
    assert " or " not in signal.errors
    names = [selector.partition("{")[0] for selector in list_selectors(signal.errors)]
    assert names == ["m_count", "m_bucket"]


def test_the_total_is_the_count_of_the_series_that_have_the_bucket() -> None:
    signal = parse_signal({"latency": {"metric": "m", "threshold": "5s"}})
    bucket = 'rate(m_bucket{le=~"5|5\\\\.0"}[{{.window}}])'
    assert signal.total == f"sum (rate(m_count[{{{{.window}}}}]) and ignoring (le) {bucket})"


def test_a_large_threshold_is_found_as_go_writes_it() -> None:
    signal = parse_signal({"latency": {"metric": "m", "threshold": 1048576}})
    (bucket,) = signal.sources
    assert r"1\\.048576e\\+06" in bucket


@pytest.mark.parametrize("metric", ["m", "m_bucket", "m_count"])
def test_the_metric_may_be_written_with_its_suffix(metric: str) -> None:
    signal = parse_signal({"latency": {"metric": metric, "threshold": "5s"}})
    assert signal.sources == ('m_bucket{le=~"5|5\\\\.0"}',)


def test_a_native_histogram_has_the_same_keys_and_needs_no_bucket() -> None:
    sli = {"metric": "m", "threshold": "5s", "selector": 'job="x"', "by": ["a"], "native": True}
    signal = parse_signal({"latency": sli})
    rate = 'rate(m{job="x"}[{{.window}}])'
    assert signal.total == f"sum by (a) (histogram_count({rate}))"
    assert signal.errors == (
        f"sum by (a) (histogram_fraction(5, +Inf, {rate}) * histogram_count({rate}) >= 0)"
    )
    assert signal.counting is detect_counting(signal.errors) is detect_counting(signal.total)
    assert signal.weight is Weight.EVENTS
    assert signal.sources == ('m{job="x"}',)
    assert signal.errors_may_be_absent


def test_quantiles_are_read_from_all_buckets_of_the_selector() -> None:
    sli = {"metric": "m", "threshold": "5s", "selector": 'job="x"', "by": ["cluster"]}
    histogram = parse_signal({"latency": sli}).histogram
    assert histogram is not None
    assert histogram.selector == 'm_bucket{job="x"}'
    assert histogram.group_by == ("cluster",)


@pytest.mark.parametrize(
    ("metric", "le"),
    [
        ("request_duration_seconds", 'le=~"0\\\\.5"'),
        ("request_duration", 'le=~"0\\\\.5"'),
        ("request_duration_milliseconds", 'le=~"500|500\\\\.0"'),
        ("request_duration_ms_bucket", 'le=~"500|500\\\\.0"'),
        ("request_duration_microseconds", 'le=~"500000|500000\\\\.0"'),
    ],
)
def test_a_duration_is_converted_to_the_unit_in_the_name(metric: str, le: str) -> None:
    signal = parse_signal({"latency": {"metric": metric, "threshold": "500ms"}})
    assert le in signal.errors
    number = parse_signal({"latency": {"metric": metric, "threshold": 500}})
    assert 'le=~"500|500\\\\.0"' in number.errors
