"""Durations and ratios: parsing, errors and formatting."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slos.schema.units import Duration, format_decimal, parse_ratio

DAY = 86_400_000


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("28d", "4w"),
        ("7d", "1w"),
        ("90d", "90d"),
        ("30d", "30d"),
        ("365d", "1y"),
        ("730d", "2y"),
        ("366d", "366d"),
        ("371d", "53w"),
        ("90m", "1h30m"),
        ("60s", "1m"),
        ("1500ms", "1s500ms"),
        ("24h", "1d"),
        ("36h", "1d12h"),
        ("1w1d", "8d"),
        ("1d1ms", "1d1ms"),
        ("4m59s999ms", "4m59s999ms"),
    ],
)
def test_durations_print_the_way_prometheus_prints_them(written: str, printed: str) -> None:
    assert str(Duration.parse(written)) == printed


@settings(deadline=None, max_examples=200)
@given(st.integers(min_value=1, max_value=20 * 365 * DAY))
def test_a_printed_duration_reads_back_as_itself(ms: int) -> None:
    assert Duration.parse(str(Duration(ms))) == Duration(ms)


@settings(deadline=None, max_examples=100)
@given(st.integers(min_value=1, max_value=1000), st.sampled_from(["ms", "s", "m", "h", "d", "w"]))
def test_a_duration_of_one_unit_is_that_many_of_it(count: int, unit: str) -> None:
    length = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY, "w": 7 * DAY}[unit]
    assert Duration.parse(f"{count}{unit}").ms == count * length


@pytest.mark.parametrize(
    ("written", "whole"), [("1.5h", "1h30m"), (".3s", "300ms"), ("2.50s", "2s500ms")]
)
def test_a_fraction_of_a_unit_is_refused_with_the_whole_duration(written: str, whole: str) -> None:
    with pytest.raises(ValueError, match=f"is not a duration; write it as {whole}$"):
        Duration.parse(written)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            " ",
            "5",
            "0",
            "0s",
            "-5m",
            "5 m",
            "5M",
            "m",
            "5x",
            "1.5",
            "0.1ms",
            "5m1h",
            "5m5m",
            "5m ",
        ),
        "\N{ARABIC-INDIC DIGIT FIVE}m",
    ],
)
def test_what_is_not_a_duration_is_refused_with_examples(written: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write it like 30s"):
        Duration.parse(written)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(written: str) -> None:
    try:
        duration = Duration.parse(written)
    except ValueError:
        return
    assert duration.ms > 0
    assert Duration.parse(str(duration)) == duration


def test_durations_compare_by_length_however_they_were_written() -> None:
    assert Duration.parse("60m") == Duration.parse("1h")
    assert Duration.parse("59m") < Duration.parse("1h")
    assert max(Duration.parse("1d"), Duration.parse("25h")) == Duration.parse("25h")


def test_seconds_and_days_are_exact() -> None:
    assert Duration.parse("100ms").seconds == Decimal("0.1")
    assert Duration.parse("36h").days == Decimal("1.5")


@pytest.mark.parametrize(
    ("written", "share"),
    [
        ("5%", "0.05"),
        ("0.05", "0.05"),
        (Decimal("0.05"), "0.05"),
        ("99.9%", "0.999"),
        ("0.1%", "0.001"),
        ("0%", "0"),
        ("100%", "1"),
        (1, "1"),
        (0, "0"),
    ],
)
def test_shares_are_exact_however_they_are_written(
    written: str | int | Decimal, share: str
) -> None:
    assert parse_ratio(written) == Decimal(share)


@pytest.mark.parametrize(
    "written", ["5", "101%", "-1%", "-0.1", "1.1", "five", "", "%", "nan", "inf", "NaN%", "5%%"]
)
def test_what_is_no_share_between_0_and_1_is_refused_with_examples(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a ratio between 0 and 1; write it like"):
        parse_ratio(written)


@settings(deadline=None, max_examples=200)
@given(st.decimals(min_value=0, max_value=100, places=6))
def test_percent_and_share_are_the_same_to_the_last_digit(percent: Decimal) -> None:
    assert parse_ratio(f"{percent:f}%") * 100 == percent


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        ("0.0010", "0.001"),
        ("1E+2", "100"),
        ("0", "0"),
        ("0.000", "0"),
        ("13.440", "13.44"),
        ("-2.50", "-2.5"),
        ("5", "5"),
        ("0.00001", "0.00001"),
    ],
)
def test_numbers_print_short_and_without_exponent(number: str, printed: str) -> None:
    assert format_decimal(Decimal(number)) == printed


def test_a_number_is_rounded_only_where_it_was_told_to() -> None:
    assert format_decimal(Decimal(14) / 15, 6) == "0.933333"
    assert format_decimal(Decimal("0.000123456789")) == "0.000123456789"


@settings(deadline=None, max_examples=200)
@given(st.decimals(min_value=-(10**6), max_value=10**6, places=9))
def test_a_printed_number_is_the_same_number(number: Decimal) -> None:
    assert Decimal(format_decimal(number)) == number
