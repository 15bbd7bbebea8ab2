"""Faults of the Linear simulator: their texts, and the active ones. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class LinearFaultFlag(StrEnum):
    """Faults without a value."""

    DOWN = "down"
    """Every connection is cut without a response."""
    ERROR = "error"
    """Every response is 500, as from a proxy: no JSON."""
    GARBAGE = "garbage"
    """Every response is 200 and a page of HTML."""
    UNAUTHORIZED = "unauthorized"
    """No key is accepted."""
    FORBIDDEN = "forbidden"
    """The key may read, but not archive."""


_VALUE_NAMES = ("ratelimited", "slow", "lag", "skew")
VALID_FAULTS = (
    f"none, {', '.join(LinearFaultFlag)}, ratelimited:<seconds of Retry-After>, slow:<seconds>, "
    "lag:<seconds until a search sees an issue>, skew:<seconds its clock is ahead>"
)
_MAX_SECONDS = 86_400.0
"""Maximum of a value in seconds: a day is longer than any timeout or clock skew."""


@dataclass(frozen=True, kw_only=True)
class LinearFaultSet:
    """Immutable set of faults; a request keeps the set it started with."""

    flags: frozenset[LinearFaultFlag] = frozenset()
    ratelimited: float | None = None
    """Seconds of `Retry-After` in the 429 of every request; None without this fault."""
    slow: float = 0.0
    lag: float = 0.0
    skew: float = 0.0

    def to_texts(self) -> list[str]:
        """Return the faults as texts; `parse_faults(self.to_texts())` gives `self`."""
        flags = [flag.value for flag in LinearFaultFlag if flag in self.flags]
        amounts = {name: getattr(self, name) for name in _VALUE_NAMES}
        is_limited = self.ratelimited is not None
        shown_names = [
            name for name in _VALUE_NAMES if amounts[name] or (name == "ratelimited" and is_limited)
        ]
        return flags + [f"{name}:{amounts[name]:.15g}" for name in shown_names]


def parse_faults(texts: Iterable[str]) -> LinearFaultSet:
    """Parse faults, each text one or several separated by commas; `none` clears those before it.

    Raises:
        ValueError: a fault is unknown or its value invalid; the text lists the valid ones.
    """
    faults = LinearFaultSet()
    for text in texts:
        for item in text.split(","):
            faults = _add_fault(faults, item.strip())
    return faults


def _add_fault(faults: LinearFaultSet, item: str) -> LinearFaultSet:
    if item == "none":
        return LinearFaultSet()
    if item in set(LinearFaultFlag):
        return replace(faults, flags=faults.flags | {LinearFaultFlag(item)})
    kind, colon, rest = item.partition(":")
    if kind not in _VALUE_NAMES or not colon:
        raise ValueError(f"unknown fault {item!r}; valid faults: {VALID_FAULTS}")
    seconds = _parse_seconds(rest, item=item, may_be_negative=kind == "skew")
    match kind:
        case "ratelimited":
            return replace(faults, ratelimited=seconds)
        case "slow":
            return replace(faults, slow=seconds)
        case "lag":
            return replace(faults, lag=seconds)
        case _:
            return replace(faults, skew=seconds)


def _parse_seconds(text: str, *, item: str, may_be_negative: bool) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    least = -_MAX_SECONDS if may_be_negative else 0.0
    if not least <= seconds <= _MAX_SECONDS:
        raise ValueError(
            f"fault {item!r} needs seconds from {least:.0f} to {_MAX_SECONDS:.0f}; "
            f"valid faults: {VALID_FAULTS}"
        )
    return seconds


class LinearFaults:
    """Faults of a running simulator; they can be replaced at any time."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.active = parse_faults(texts)

    def set(self, *texts: str) -> None:
        """Replace all faults; no text, or `none`, clears them.

        Raises:
            ValueError: as `parse_faults`.
        """
        self.active = parse_faults(texts)
