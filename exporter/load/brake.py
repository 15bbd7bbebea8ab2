"""Ending a load before its time: why, and once. Pure but for the event that is waited for."""

import asyncio
from enum import StrEnum
from typing import NoReturn


class Stop(StrEnum):
    """Why a load did not run to its end."""

    OPERATOR = "operator"
    NORMAL_FAILURES = "normal_failures"
    """Too many runs of the normal probes failed meanwhile."""
    PROBER = "prober"
    """The prober was too slow to send it as planned."""
    CAP = "cap"
    LEASE_LOST = "lease_lost"
    RELOADED = "reloaded"
    SHUTDOWN = "shutdown"
    TARGET_NOT_OK = "target_not_ok"
    """A single event before the load was not executed as it should."""
    ISSUES_ELSEWHERE = "issues_elsewhere"
    """The stand-in for Linear did not see the issue of that event."""
    REPLICAS_UNKNOWN = "replicas_unknown"
    REPLICAS_CHANGED = "replicas_changed"
    ERROR = "error"
    CUT_OFF = "cut_off"
    """The prober ended meanwhile, without a word."""


class StoppedError(Exception):
    """A load ends before its time; `Brake.reason` says why."""


class Brake:
    """Whoever pulls it first says why."""

    def __init__(self) -> None:
        self.reason: Stop | None = None
        self.pulled = asyncio.Event()

    def pull(self, reason: Stop) -> None:
        """Let nothing more be sent."""
        if self.reason is None:
            self.reason = reason
            self.pulled.set()

    def check(self) -> None:
        """Go on, unless it was pulled.

        Raises:
            StoppedError: it was.
        """
        if self.reason is not None:
            raise StoppedError(self.reason)

    def stop(self, reason: Stop) -> NoReturn:
        """Pull it from within the load.

        Raises:
            StoppedError: always.
        """
        self.pull(reason)
        raise StoppedError(self.reason)
