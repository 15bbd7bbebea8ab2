"""Faults of the Linear simulator: their texts, and the active ones. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Flag(StrEnum):
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


_AMOUNTS = ("ratelimited", "slow", "lag", "skew")
VALID = (
    f"none, {', '.join(Flag)}, ratelimited:<seconds of Retry-After>, slow:<seconds>, "
    "lag:<seconds until a search sees an issue>, skew:<seconds its clock is ahead>"
)
_MOST = 86_400.0
"""Maximum of a value in seconds: a day is longer than any timeout or clock skew."""


@dataclass(frozen=True, kw_only=True)
class Active:
    """Immutable set of faults; a request keeps the set it started with."""

    flags: frozenset[Flag] = frozenset()
    ratelimited: float | None = None
    """Seconds of `Retry-After` in the 429 of every request; None without this fault."""
    slow: float = 0.0
    lag: float = 0.0
    skew: float = 0.0

    def texts(self) -> list[str]:
        """Return the faults as texts; `parse_faults(self.to_texts())` gives `self`."""
        flags = [flag.value for flag in Flag if flag in self.flags]
        amounts = {name: getattr(self, name) for name in _AMOUNTS}
        limited = self.ratelimited is not None
        named = [name for name in _AMOUNTS if amounts[name] or (name == "ratelimited" and limited)]
        return flags + [f"{name}:{amounts[name]:.15g}" for name in named]


def parse(texts: Iterable[str]) -> Active:
    """Parse faults, each text one or several separated by commas; `none` clears those before it.

    Raises:
        ValueError: a fault is unknown or its value invalid; the text lists the valid ones.
    """
    active = Active()
    for text in texts:
        for word in text.split(","):
            active = _with(active, word.strip())
    return active


def _with(active: Active, word: str) -> Active:
    if word == "none":
        return Active()
    if word in set(Flag):
        return replace(active, flags=active.flags | {Flag(word)})
    kind, colon, rest = word.partition(":")
    if kind not in _AMOUNTS or not colon:
        raise ValueError(f"unknown fault {word!r}; valid faults: {VALID}")
    seconds = _seconds(rest, word=word, negative=kind == "skew")
    match kind:
        case "ratelimited":
            return replace(active, ratelimited=seconds)
        case "slow":
            return replace(active, slow=seconds)
        case "lag":
            return replace(active, lag=seconds)
        case _:
            return replace(active, skew=seconds)


def _seconds(text: str, *, word: str, negative: bool) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    least = -_MOST if negative else 0.0
    if not least <= seconds <= _MOST:
        raise ValueError(
            f"fault {word!r} needs seconds from {least:.0f} to {_MOST:.0f}; valid faults: {VALID}"
        )
    return seconds


class Faults:
    """Faults of a running simulator; they can be replaced at any time."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.active = parse(texts)

    def set(self, *texts: str) -> None:
        """Replace all faults; no text, or `none`, clears them.

        Raises:
            ValueError: as `parse_faults`.
        """
        self.active = parse(texts)
