"""Stop signal of a scenario run, and the reasons for a stop."""

import asyncio
from enum import StrEnum
from typing import NoReturn


class StopReason(StrEnum):
    """Reason why a scenario run did not complete."""

    OPERATOR = "operator"
    NORMAL_FAILURES = "normal_failures"
    """Too many runs of the normal probes failed during the load."""
    PROBER = "prober"
    """The prober was too slow to send the load on schedule."""
    IN_FLIGHT = "in_flight"
    """So many events were in flight that the prober would be the bottleneck."""
    CAP = "cap"
    """The maximum number of events was reached."""
    LEASE_LOST = "lease_lost"
    JOURNAL = "journal"
    """The journal could not be written: its disk is full, for example."""
    RELOADED = "reloaded"
    SHUTDOWN = "shutdown"
    TARGET_NOT_OK = "target_not_ok"
    """The event before the load was not executed as it should be."""
    ISSUES_ELSEWHERE = "issues_elsewhere"
    """The issue of that event was not found in the configured Linear."""
    STAND_IN_REFUSED = "stand_in_refused"
    """The stand-in for Linear refused a query, and the issue of that event was not found."""
    REPLICAS_UNKNOWN = "replicas_unknown"
    REPLICAS_CHANGED = "replicas_changed"
    NOT_SCALED = "not_scaled"
    """The target could not be scaled, or its replicas were not ready in time."""
    ERROR = "error"
    CUT_OFF = "cut_off"
    """The prober process ended during the run."""


class StoppedError(Exception):
    """A scenario run was stopped; `StopSignal.reason` holds the reason."""


class StopSignal:
    """Stop signal of one run; the first request sets the reason."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self.requested = asyncio.Event()

    def request(self, reason: StopReason) -> None:
        """Request the stop; no further event is sent."""
        if self.reason is None:
            self.reason = reason
            self.requested.set()

    def raise_if_requested(self) -> None:
        """Raise an error if the stop was requested.

        Raises:
            StoppedError: it was requested.
        """
        if self.reason is not None:
            raise StoppedError(self.reason)

    def request_and_raise(self, reason: StopReason) -> NoReturn:
        """Request the stop, and raise the error that ends the scenario.

        Raises:
            StoppedError: always.
        """
        self.request(reason)
        raise StoppedError(self.reason)
