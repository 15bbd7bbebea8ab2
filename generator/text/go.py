"""Number and string formatting of Go, for output that must equal Sloth's."""

import math
import re
import struct
from decimal import Decimal

# Beyond these powers of ten the text has an exponent, as Sloth prints it.
_EXPONENT_FROM = 6
_EXPONENT_BELOW = -4
_NOTHING_TO_ESCAPE = re.compile(r"[ !#-\[\]-~]*")
# Enough digits to distinguish every 32-bit float from its neighbours.
_DIGITS_OF_SINGLE = 9
_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_ASCII, _BASIC_PLANE = 0x80, 0x10000


def format_number(value: float) -> str:
    """Number as `%g`: the fewest digits that read back, with an exponent outside 1e-4 to 1e6."""
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    exponent = Decimal(repr(value)).adjusted()
    if not value or _EXPONENT_BELOW <= exponent < _EXPONENT_FROM:
        return format_without_exponent(value)
    first, *rest = map(str, digits)
    fraction = f".{''.join(rest)}" if rest else ""
    return f"{'-' * sign}{first}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def format_number32(value: float) -> str:
    """Nearest 32-bit float as `format_number` writes it, with as few digits as read back."""
    single = _round_to_single(value)
    if math.isinf(single):
        return "+Inf" if single > 0 else "-Inf"
    texts = (f"{single:.{digits}g}" for digits in range(1, _DIGITS_OF_SINGLE + 1))
    return format_number(
        float(next(text for text in texts if _round_to_single(float(text)) == single))
    )


def _round_to_single(value: float) -> float:
    try:
        (single,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(single)


def format_without_exponent(value: float) -> str:
    """Number with the fewest digits that read back, never with an exponent."""
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def quote_string(text: str) -> str:
    """String literal as `%q`."""
    if _NOTHING_TO_ESCAPE.fullmatch(text):
        return f'"{text}"'
    return '"' + "".join(map(_escape_character, text)) + '"'


def _escape_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < _ASCII:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BASIC_PLANE else f"\\U{code:08x}"
