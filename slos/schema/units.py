"""Durations, ratios and decimals as Prometheus and Sloth write them.

Durations are whole milliseconds (`Duration.ms`) and ratios exact decimals, so that no binary
fraction reaches a rule.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Self

# Prometheus common/model/time.go: each unit at most once, largest first.
_UNITS_MS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_FRACTION = re.compile(r"([0-9]*\.[0-9]+)(y|w|d|h|m|s|ms)")
# JSON Schemas for editors; the parsers check more.
DURATION_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": r"^([0-9]+(y|w|d|h|m|s|ms))+$",
    "examples": ["30s", "5m", "28d"],
}
SHARE_SCHEMA: dict[str, Any] = {
    "type": ["number", "string"],
    "pattern": r"%$",
    "examples": ["5%", 0.05],
}
_DURATION = re.compile("".join(f"(?:([0-9]+){unit}(?![a-z]))?" for unit in _UNITS_MS))
_ZERO_DURATION = re.compile(r"0(?:ms|[smhdwy])?")
# Units of time that names of metrics end in, in seconds.
_METRIC_UNITS = {
    Decimal("1e-9"): ("nanoseconds", "nanos", "ns"),
    Decimal("1e-6"): ("microseconds", "micros", "us"),
    Decimal("1e-3"): ("milliseconds", "millis", "msec", "ms"),
    Decimal(1): ("seconds", "sec", "s"),
    Decimal(60): ("minutes",),
    Decimal(3600): ("hours",),
    Decimal(86400): ("days",),
}
_UNIT_BY_SUFFIX = {suffix: unit for unit, suffixes in _METRIC_UNITS.items() for suffix in suffixes}
# Other units that names of metrics end in, from the naming conventions of Prometheus.
_OTHER_UNITS = {
    "amperes", "bytes", "celsius", "grams", "hertz", "joules", "meters", "percent", "ratio",
    "timestamp", "volts",
}  # fmt: skip
_WIDE_CONTEXT = Context(prec=60)
# Years and weeks are written only when nothing remains: 90d reads better than 12w6d.
_EXACT_ONLY_UNITS = ("y", "w")


@dataclass(frozen=True, order=True, slots=True)
class Duration:
    """A duration in whole milliseconds.

    Attributes:
        ms: the milliseconds.
    """

    ms: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `1h30m`, `5s` or `28d`: the grammar of Prometheus, without a bare `0`.

        A duration is at most a century; Prometheus' own limit is not much higher.

        Raises:
            ValueError: it is not a duration, zero, or too long; the message shows how to write one.
        """
        match = _DURATION.fullmatch(text)
        ms = 0
        if match:
            ms = sum(
                int(count) * unit
                for count, unit in zip(match.groups(), _UNITS_MS.values(), strict=True)
                if count
            )
        if ms <= 0:
            raise ValueError(f"{text!r} is not a duration; write it {cls._find_example(text)}")
        if ms > 100 * _UNITS_MS["y"]:
            raise ValueError(f"{text!r} is longer than 100 years; write it like 5m or 28d")
        return cls(ms)

    @classmethod
    def _find_example(cls, text: str) -> str:
        """Find how to write a duration: `1.5s` is `1s500ms`, others have examples."""
        match = _FRACTION.fullmatch(text)
        ms = Decimal(match[1]) * _UNITS_MS[match[2]] if match else Decimal(0)
        if 0 < ms == int(ms):
            return f"as {cls(int(ms))}"
        return "like 30s, 5m, 1h30m or 28d"

    @classmethod
    def from_parts(
        cls, *, seconds: float = 0, minutes: int = 0, hours: int = 0, days: int = 0
    ) -> Self:
        """Build a duration from seconds, minutes, hours and days."""
        return cls(round(seconds * 1000) + minutes * 60_000 + hours * 3_600_000 + days * 86_400_000)

    @property
    def seconds(self) -> Decimal:
        """The duration in seconds, exact."""
        return Decimal(self.ms) / 1000

    @property
    def days(self) -> Decimal:
        """The duration in days, exact."""
        return Decimal(self.ms) / 86_400_000

    def __str__(self) -> str:
        return _format_duration(self.ms)

    def __add__(self, other: "Duration") -> "Duration":
        return Duration(self.ms + other.ms)

    def __mul__(self, factor: int) -> "Duration":
        return Duration(self.ms * factor)


@lru_cache(maxsize=1024)
def _format_duration(ms: int) -> str:
    """Format milliseconds as Prometheus does; cached, because every rule has the same few."""
    text = ""
    for unit, length in _UNITS_MS.items():
        if unit in _EXACT_ONLY_UNITS and ms % length:
            continue
        count, ms = divmod(ms, length)
        if count:
            text += f"{count}{unit}"
    return text or "0s"


def is_zero_duration(text: str) -> bool:
    """Return whether a text is a duration of zero, such as `0s` or `0`."""
    return _ZERO_DURATION.fullmatch(text) is not None


def parse_ratio(value: str | int | Decimal) -> Decimal:
    """Parse `5%` or `0.05` as the exact ratio 0.05.

    Raises:
        ValueError: it is neither, or not between 0 and 1.
    """
    text = str(value).strip()
    try:
        ratio = Decimal(text[:-1]) / 100 if text.endswith("%") else Decimal(text)
    except InvalidOperation:
        ratio = Decimal("NaN")
    if not ratio.is_finite() or not 0 <= ratio <= 1:
        raise ValueError(f"{text!r} is not a ratio between 0 and 1; write it like 5% or 0.05")
    return ratio


@lru_cache(maxsize=1024)
def format_decimal(number: Decimal, digits: int | None = None) -> str:
    """Format a decimal without exponent and trailing zeros: 0.0010 as `0.001`, 1E+2 as `100`.

    Args:
        number: the decimal.
        digits: decimal places to round to; exact without it.
    """
    if digits is not None:
        number = _WIDE_CONTEXT.quantize(number, Decimal(1).scaleb(-digits))
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"


def find_time_unit(metric: str) -> Decimal | None:
    """Find the unit of time that the name of a histogram ends in, in seconds; None without one."""
    return _UNIT_BY_SUFFIX.get(_read_last_word(metric))


def find_unit(metric: str) -> str:
    """Find the unit that the name of a metric ends in, of time or other; empty without one."""
    word = _read_last_word(metric)
    return word if word in _UNIT_BY_SUFFIX or word in _OTHER_UNITS else ""


def _read_last_word(metric: str) -> str:
    name = metric.removesuffix("_bucket").removesuffix("_count")
    _, separator, word = name.rpartition("_")
    return word.lower() if separator else ""


def format_names(names: Sequence[str], limit: int) -> str:
    """Format names as a list, of which only the first ones are shown: `a, b and 3 more`."""
    others = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {others} more" if others > 0 else "")


def format_count(number: int, noun: str) -> str:
    """Format a number with its noun: `1 SLO`, `2 SLOs`."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
