"""Evidence of one run: the observed facts that its verdict is computed from.

All times are seconds of one monotonic clock. Nothing here does I/O, waits or decides.
"""

from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """Kinds of errors of a request to another server; used as label values and as reasons.

    The kinds of a broken connection explain why a run has no reply. For a query their category is
    enough.
    """

    REFUSED = "connection_refused"
    DNS = "dns_failed"
    TLS = "tls_failed"
    NO_ROUTE = "no_route"
    RESET = "connection_reset"
    NOT_HTTP = "not_http"
    UNREACHABLE = "unreachable"
    """No response: name not resolved, connection refused or broken, or TLS failed."""
    UNAUTHORIZED = "unauthorized"
    """401 or 403, or the client's own credentials cannot be read."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BAD_RESPONSE = "bad_answer"
    """A response that does not follow the API, or that reports an invalid request."""
    TIMEOUT = "timeout"

    @property
    def category(self) -> "ErrorKind":
        """The kind as the error of a query, which does not tell broken connections apart."""
        if self is ErrorKind.NOT_HTTP:
            return ErrorKind.BAD_RESPONSE
        return ErrorKind.UNREACHABLE if self in CONNECTION_ERRORS else self


CONNECTION_ERRORS = frozenset(
    {
        ErrorKind.REFUSED,
        ErrorKind.DNS,
        ErrorKind.TLS,
        ErrorKind.NO_ROUTE,
        ErrorKind.RESET,
        ErrorKind.NOT_HTTP,
    }
)
"""Reasons why a request ended without an HTTP reply."""

NEVER_LEFT = frozenset({ErrorKind.REFUSED, ErrorKind.DNS, ErrorKind.TLS, ErrorKind.NO_ROUTE})
"""Errors before the first byte of the event was sent, so that it cannot have been executed."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the canary function that belongs to the run."""

    health_at: float | None
    """Time at which the health check before the call arrived; None if there was none."""
    arrived_at: float
    finished_at: float | None
    """Time at which the canary had written its answer; None while it had not."""
    parameters_ok: bool = True
    """Every parameter that was sent came back with its value."""
    foreign_id: bool = False
    """The call carried the event id of another run."""
    alias: str | None = None
    """The id that agent-sre gives the event, where it differs from the run id."""

    @property
    def contact_at(self) -> float:
        """Time of the first sign of the call: its health check, or else the call itself."""
        return self.arrived_at if self.health_at is None else self.health_at


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence of one run."""

    intended: float
    """Intended time of the send."""
    sent_at: float | None = None
    replied_at: float | None = None
    status: int | None = None
    """HTTP status of the reply; set exactly when `replied_at` is."""
    transport_fault: ErrorKind | None = None
    """One of `CONNECTION_ERRORS`."""
    calls: tuple[Call, ...] = ()
    """In order of arrival."""
    started_at: float | None = None
    """Start of the clock of the latencies, if not the intended time."""
    is_synchronous: bool = True
    """The reply came from agent-sre itself, after its work, and not from something in front of
    it."""

    end_accepted: bool | None = None
    """True if the end of the alert was answered with 2xx; None when none was sent."""

    @property
    def clock_start(self) -> float:
        """The time from which latencies count."""
        return self.intended if self.started_at is None else self.started_at

    @property
    def is_accepted(self) -> bool:
        """The target answered 2xx."""
        return self.status is not None and 200 <= self.status <= 299  # noqa: PLR2004 - HTTP
