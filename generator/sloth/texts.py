"""Conversion of unquoted labels and annotations to the strings that Sloth reads.

Sloth reads YAML by yaml.v2 and converts it to JSON, fractions as 32-bit numbers.
"""

import re
from collections.abc import Mapping
from math import isfinite

from generator import go_format
from slos.schema.document import Location
from slos.schema.located import LocatedSpec
from slos.schema.scalars import Written

# The words of yaml.v2's resolve.go.
_WORDS = {
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), "true"
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), "false"
    ),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), "+Inf"),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), "-Inf"),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), "NaN"),
}
_STARTS_A_NUMBER = frozenset("+-.0123456789")
_WHOLE = re.compile(
    r"(?P<sign>[-+]?)(?:0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|0[xX](?P<x>[0-9a-fA-F]+)"
    r"|(?P<d>0|[1-9][0-9]*))"
)
_BASES = {"b": 2, "o": 8, "x": 16, "d": 10}
_LEAST, _MOST, _MOST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def as_sloth_reads(
    located: LocatedSpec, path: Location, texts: Mapping[str, str]
) -> dict[str, str]:
    """Convert the keys and values of a mapping: `1.10` becomes `1.1`, `on` becomes `true`."""
    written = {key: value for key, value in _written(located, path) if key}
    return {
        scalar(key) if key in written else key: scalar(plain) if plain is not None else text
        for key, text in texts.items()
        for plain in [written.get(key)]
    }


def scalar(written: str) -> str:
    """Convert a plain scalar of YAML to the string that Sloth reads."""
    if written in _WORDS:
        return _WORDS[written]
    if written[:1] not in _STARTS_A_NUMBER:
        return written
    plain = written.replace("_", "")
    whole = _whole(plain)
    if whole is not None:
        return str(whole)
    if _FRACTION.fullmatch(plain) and isfinite(float(plain)):
        return go_format.number32(float(plain))
    return written


def _whole(text: str) -> int | None:
    found = _WHOLE.fullmatch(text)
    base = found.lastgroup if found else None
    if not found or base is None or len(text) > 100:  # noqa: PLR2004 - far beyond 64 bits
        return None
    number = int(found["sign"] + found[base], _BASES[base])
    return number if _LEAST <= number <= (_MOST if found["sign"] else _MOST_UNSIGNED) else None


def _written(located: LocatedSpec, path: Location) -> list[tuple[str | None, str | None]]:
    value = located.document.value
    for step in located.origin.where(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return []
    return list(value.texts.values()) if isinstance(value, Written) else []
