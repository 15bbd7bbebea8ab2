"""Faults of the simulated agent-sre: their texts, and the active ones. Pure.

The effects of faults are implemented elsewhere in this package.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from slos.schema.contract import Stage


class Flag(StrEnum):
    """Faults without a value."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    CORRUPTED = "corrupted"
    ERROR = "error"
    HANG = "hang"
    DOWN = "down"


SLOW_STAGES = tuple(stage for stage in Stage if stage is not Stage.END_TO_END)
VALID = (
    f"none, {', '.join(Flag)}, slow:<stage>:<seconds>, leak:<bytes per event>; "
    f"stages: {', '.join(SLOW_STAGES)}"
)
LONGEST_SLOW = 86_400.0
"""Maximum of a delay in seconds: a day is longer than any timeout, and keeps timers in range."""


@dataclass(frozen=True, kw_only=True)
class Active:
    """Immutable set of faults; an event keeps the set it started with."""

    flags: frozenset[Flag] = frozenset()
    slow: Mapping[Stage, float] = field(default_factory=lambda: MappingProxyType({}))
    """Extra seconds per stage."""

    leak: int = 0
    """Bytes that are never freed, per event."""

    def delay(self, stage: Stage) -> float:
        """Return the extra seconds of a stage, 0 when it is not slow."""
        return self.slow.get(stage, 0.0)

    def texts(self) -> list[str]:
        """Return the faults as texts; `parse_faults(self.to_texts())` gives `self`."""
        flags = [flag.value for flag in Flag if flag in self.flags]
        slow = [f"slow:{stage}:{seconds:.15g}" for stage, seconds in sorted(self.slow.items())]
        return [*flags, *slow, *([f"leak:{self.leak}"] if self.leak else [])]


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
    kind, _, rest = word.partition(":")
    if word == "none":
        return Active()
    if word in set(Flag):
        return replace(active, flags=active.flags | {Flag(word)})
    if kind == "slow" and rest:
        return replace(active, slow=_slower(active.slow, rest, word=word))
    if kind == "leak" and rest:
        return replace(active, leak=_leak(rest, word=word))
    raise ValueError(f"unknown fault {word!r}; valid faults: {VALID}")


def _slower(slow: Mapping[Stage, float], rest: str, *, word: str) -> Mapping[Stage, float]:
    stage, _, seconds = rest.partition(":")
    if stage not in SLOW_STAGES:
        raise ValueError(f"unknown stage in fault {word!r}; valid faults: {VALID}")
    return MappingProxyType({**slow, Stage(stage): _seconds(seconds, word=word)})


def _seconds(text: str, *, word: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_SLOW:
        raise ValueError(
            f"fault {word!r} needs seconds above 0 and up to {LONGEST_SLOW:.0f}, "
            f"for example slow:{Stage.LAMBDA_EXECUTION}:2.5; valid faults: {VALID}"
        )
    return seconds


def _leak(text: str, *, word: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text)):  # noqa: PLR2004 - a terabyte is plenty
        raise ValueError(
            f"fault {word!r} needs a whole number of bytes above 0, "
            f"for example leak:100000; valid faults: {VALID}"
        )
    return int(text)


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
