"""Evidence of one run: the observed facts that its verdict is computed from.

All times are seconds of one monotonic clock. Nothing here does I/O, waits or decides.
"""

from dataclasses import dataclass
from enum import StrEnum

from exporter.model.bounds import Bounds
from exporter.model.error_kind import ErrorKind


class ReplyProblem(StrEnum):
    """Fault in the body of a 2xx; the reason of a verdict."""

    FOREIGN = "foreign_reply"
    """It names another event."""
    UNEXPECTED = "unexpected_reply"
    """It is not `{"status": "processed"}` with the id of the event."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the canary function that belongs to the run."""

    contact: Bounds
    """Time of the first contact: the health check before the call, or else the call itself."""
    arrived_at: float
    finished: Bounds | None
    """Time of the answer, from before it was written until after; None while it is not written."""
    parameters_ok: bool = True
    """Every parameter that was sent came back with its value."""
    foreign_id: bool = False
    """The call carried the event id of another run."""
    alias: str | None = None
    """The id that agent-sre gives the event, where it differs from the run id."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence of one run."""

    intended: float
    """Intended time of the send."""
    sent_at: float | None = None
    replied_at: float | None = None
    status: int | None = None
    """HTTP status of the reply; set exactly when `replied_at` is."""
    connection_error: ErrorKind | None = None
    """Reason why there is no reply: one of `CONNECTION_ERRORS`, or None."""
    calls: tuple[Call, ...] = ()
    """In order of arrival."""
    started_at: Bounds | None = None
    """Start of the clock of the latencies, if not the intended time."""
    lacks_notification: bool = False
    """The clock starts with the notification of Alertmanager, and none arrived."""
    reply_problem: ReplyProblem | None = None
    """Fault in the body of a 2xx of agent-sre."""
    is_synchronous: bool = True
    """The reply came from agent-sre itself, after its work, and not from something in front of
    it."""

    end_accepted: bool | None = None
    """True if the end of the alert was answered with 2xx; None when none was sent."""

    @property
    def clock_start(self) -> Bounds:
        """The time from which latencies count."""
        return Bounds.exactly(self.intended) if self.started_at is None else self.started_at

    @property
    def is_refused(self) -> bool:
        """The target answered 4xx, so it did not take the request."""
        return self.status is not None and 400 <= self.status <= 499  # noqa: PLR2004 - HTTP

    @property
    def is_accepted(self) -> bool:
        """The target answered 2xx."""
        return self.status is not None and 200 <= self.status <= 299  # noqa: PLR2004 - HTTP
