"""Faults of the simulated agent-sre: their texts, and the active ones. Pure.

The effects of faults are implemented elsewhere in this package.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from slos.schema.contract import Stage


class AgentFaultFlag(StrEnum):
    """Faults without a value."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    CORRUPTED = "corrupted"
    ERROR = "error"
    HANG = "hang"
    DOWN = "down"


SLOW_STAGES = tuple(stage for stage in Stage if stage is not Stage.END_TO_END)
VALID_FAULTS = (
    f"none, {', '.join(AgentFaultFlag)}, slow:<stage>:<seconds>, leak:<bytes per event>; "
    f"stages: {', '.join(SLOW_STAGES)}"
)
MAX_DELAY = 86_400.0
"""Maximum of a delay in seconds: a day is longer than any timeout, and keeps timers in range."""


@dataclass(frozen=True, kw_only=True)
class AgentFaultSet:
    """Immutable set of faults; an event keeps the set it started with."""

    flags: frozenset[AgentFaultFlag] = frozenset()
    slow: Mapping[Stage, float] = field(default_factory=lambda: MappingProxyType({}))
    """Extra seconds per stage."""

    leak: int = 0
    """Bytes that are never freed, per event."""

    def get_delay(self, stage: Stage) -> float:
        """Return the extra seconds of a stage, 0 when it is not slow."""
        return self.slow.get(stage, 0.0)

    def to_texts(self) -> list[str]:
        """Return the faults as texts; `parse_faults(self.to_texts())` gives `self`."""
        flags = [flag.value for flag in AgentFaultFlag if flag in self.flags]
        slow = [f"slow:{stage}:{seconds:.15g}" for stage, seconds in sorted(self.slow.items())]
        return [*flags, *slow, *([f"leak:{self.leak}"] if self.leak else [])]


def parse_faults(texts: Iterable[str]) -> AgentFaultSet:
    """Parse faults, each text one or several separated by commas; `none` clears those before it.

    Raises:
        ValueError: a fault is unknown or its value invalid; the text lists the valid ones.
    """
    faults = AgentFaultSet()
    for text in texts:
        for item in text.split(","):
            faults = _add_fault(faults, item.strip())
    return faults


def _add_fault(faults: AgentFaultSet, item: str) -> AgentFaultSet:
    kind, _, rest = item.partition(":")
    if item == "none":
        return AgentFaultSet()
    if item in set(AgentFaultFlag):
        return replace(faults, flags=faults.flags | {AgentFaultFlag(item)})
    if kind == "slow" and rest:
        return replace(faults, slow=_add_delay(faults.slow, rest, item=item))
    if kind == "leak" and rest:
        return replace(faults, leak=_parse_leak(rest, item=item))
    raise ValueError(f"unknown fault {item!r}; valid faults: {VALID_FAULTS}")


def _add_delay(delays: Mapping[Stage, float], rest: str, *, item: str) -> Mapping[Stage, float]:
    stage, _, seconds = rest.partition(":")
    if stage not in SLOW_STAGES:
        raise ValueError(f"unknown stage in fault {item!r}; valid faults: {VALID_FAULTS}")
    return MappingProxyType({**delays, Stage(stage): _parse_seconds(seconds, item=item)})


def _parse_seconds(text: str, *, item: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_DELAY:
        raise ValueError(
            f"fault {item!r} needs seconds above 0 and up to {MAX_DELAY:.0f}, "
            f"for example slow:{Stage.LAMBDA_EXECUTION}:2.5; valid faults: {VALID_FAULTS}"
        )
    return seconds


def _parse_leak(text: str, *, item: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text)):  # noqa: PLR2004 - a terabyte is plenty
        raise ValueError(
            f"fault {item!r} needs a whole number of bytes above 0, "
            f"for example leak:100000; valid faults: {VALID_FAULTS}"
        )
    return int(text)


class AgentFaults:
    """Faults of a running simulator; they can be replaced at any time."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.active = parse_faults(texts)

    def set(self, *texts: str) -> None:
        """Replace all faults; no text, or `none`, clears them.

        Raises:
            ValueError: as `parse_faults`.
        """
        self.active = parse_faults(texts)
