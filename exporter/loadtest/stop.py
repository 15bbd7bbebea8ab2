"""Stop signal of a scenario run, with its reason. Pure, except for the event that is waited for."""

import asyncio
from enum import StrEnum
from typing import NoReturn


class Stop(StrEnum):
    """Reason why a scenario run did not complete."""

    OPERATOR = "operator"
    NORMAL_FAILURES = "normal_failures"
    """Too many runs of the normal probes failed during the load."""
    PROBER = "prober"
    """The prober was too slow to send the load on schedule."""
    CAP = "cap"
    LEASE_LOST = "lease_lost"
    RELOADED = "reloaded"
    SHUTDOWN = "shutdown"
    TARGET_NOT_OK = "target_not_ok"
    """The event before the load was not executed as it should be."""
    ISSUES_ELSEWHERE = "issues_elsewhere"
    """The stand-in for Linear did not see the issue of that event."""
    REPLICAS_UNKNOWN = "replicas_unknown"
    REPLICAS_CHANGED = "replicas_changed"
    ERROR = "error"
    CUT_OFF = "cut_off"
    """The prober process ended during the run."""


class StoppedError(Exception):
    """A scenario run was stopped; `StopSignal.reason` holds the reason."""


class Brake:
    """Stop signal of one run; the first request sets the reason."""

    def __init__(self) -> None:
        self.reason: Stop | None = None
        self.pulled = asyncio.Event()

    def pull(self, reason: Stop) -> None:
        """Request the stop: nothing more is sent."""
        if self.reason is None:
            self.reason = reason
            self.pulled.set()

    def check(self) -> None:
        """Raise an error if the stop was requested.

        Raises:
            StoppedError: it was requested.
        """
        if self.reason is not None:
            raise StoppedError(self.reason)

    def stop(self, reason: Stop) -> NoReturn:
        """Request the stop from within the scenario, and end it.

        Raises:
            StoppedError: always.
        """
        self.pull(reason)
        raise StoppedError(self.reason)
