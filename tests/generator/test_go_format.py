"""Numbers and strings in the formats of Go."""

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.text.go import format_number, format_number32, format_without_exponent, quote_string

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (99.9 / 100, "0.9990000000000001"),
        ((100 - 99.9) / 100, "0.0009999999999999432"),
        ((100 - 99.99) / 100, "0.00010000000000005117"),
        ((100 - 99.999) / 100, "1.0000000000047748e-05"),
        ((100 - 99.99999) / 100, "1.0000000003174136e-07"),
        (0.57 * 100, "56.99999999999999"),
        (1.0, "1"),
        (20.0, "20"),
        (0.0, "0"),
        (-0.1, "-0.1"),
        (0.0001, "0.0001"),
        (1e-05, "1e-05"),
        (999999.0, "999999"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (1e100, "1e+100"),
        (1e-300, "1e-300"),
    ],
)
def test_a_number_reads_as_sloth_prints_it(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"),
        (0.123456789, "0.12345679"),
        (1000000.0, "1e+06"),
        (1.10, "1.1"),
        (-2.5, "-2.5"),
        (0.0, "0"),
        (1e300, "+Inf"),
    ],
)
def test_a_number_of_32_bits_has_the_digits_it_needs(value: float, text: str) -> None:
    assert format_number32(value) == text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_of_32_bits_reads_back_as_itself(value: float) -> None:
    text = format_number32(value)
    assert struct.unpack("f", struct.pack("f", float(text)))[0] == value
    assert len(text) <= len(format_number(value))


@given(FINITE)
def test_a_number_reads_back_as_itself(value: float) -> None:
    assert float(format_number(value)) == value
    assert float(format_without_exponent(value)) == value


@given(FINITE)
def test_a_number_has_an_exponent_outside_its_bounds_only(value: float) -> None:
    small = value and abs(value) < 1e-4
    assert ("e" in format_number(value)) == bool(small or abs(value) >= 1e6)
    assert "e" not in format_without_exponent(value)


@given(FINITE)
def test_a_number_has_no_digit_too_many(value: float) -> None:
    """No closer neighbour has as few digits: Python's own shortest text has the same digits."""
    digits = format_number(value).lstrip("-").split("e")[0].replace(".", "").strip("0")
    expected = repr(value).lstrip("-").split("e")[0].replace(".", "").strip("0")
    assert digits == expected


@given(FINITE)
def test_an_exponent_has_a_sign_and_two_digits_at_least(value: float) -> None:
    mantissa, _, exponent = format_number(value).partition("e")
    if exponent:
        assert exponent[0] in "+-"
        assert len(exponent) >= 3
        assert 1 <= abs(float(mantissa)) < 10
        assert math.floor(math.log10(abs(float(mantissa)))) == 0


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("a", '"a"'),
        ('say "x"\\', '"say \\"x\\"\\\\"'),
        ("line\nbreak\t", '"line\\nbreak\\t"'),
        ("\x00\x7f\a", '"\\x00\\x7f\\a"'),
        ("grün ☃ 😀", '"grün ☃ 😀"'),
        ("\u200b\U000e0001", '"\\u200b\\U000e0001"'),
    ],
)
def test_a_string_is_quoted_as_in_go(text: str, literal: str) -> None:
    assert quote_string(text) == literal


@given(st.text(st.characters(categories=["L", "N", "P"])))
def test_printable_text_is_quoted_as_json_does(text: str) -> None:
    assert quote_string(text) == json.dumps(text, ensure_ascii=False)
