"""What one run left behind: plain facts, before anyone judges them.

All times are seconds of one monotonic clock. Nothing here asks, waits or decides.
"""

from dataclasses import dataclass
from enum import StrEnum


class TransportFault(StrEnum):
    """Why a request ended without an HTTP reply."""

    REFUSED = "connection_refused"
    DNS = "dns_failed"
    TLS = "tls_failed"
    NO_ROUTE = "no_route"
    RESET = "connection_reset"
    NOT_HTTP = "not_http"


NEVER_LEFT = frozenset(
    {TransportFault.REFUSED, TransportFault.DNS, TransportFault.TLS, TransportFault.NO_ROUTE}
)
"""Faults before the first byte of the event: nobody can have executed it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the canary function that belongs to the run."""

    health_at: float | None
    """When the health check before the call came in; None when none was seen."""
    arrived_at: float
    finished_at: float | None
    """When the canary had written its answer; None while it had not."""
    parameters_ok: bool = True
    """Every parameter that was sent came back with its value."""
    foreign_id: bool = False
    """The call carried the event id of another run."""
    known_as: str | None = None
    """The id under which agent-sre knows the event, where it is not the run's own."""

    @property
    def contact_at(self) -> float:
        """The first sign of this call: its health check, or else the call itself."""
        return self.arrived_at if self.health_at is None else self.health_at


@dataclass(frozen=True, slots=True)
class Evidence:
    """The facts of one run."""

    intended: float
    """When the plan wanted the event sent."""
    sent: float | None = None
    replied_at: float | None = None
    status: int | None = None
    """HTTP status of the reply; set exactly when `replied_at` is."""
    transport: TransportFault | None = None
    calls: tuple[Call, ...] = ()
    """In order of arrival."""
    started: float | None = None
    """Where the clock of the latencies starts, if not at the intended time."""
    synchronous: bool = True
    """The reply came from agent-sre itself, after its work; not from something in front of it."""

    end_taken: bool | None = None
    """Whether the end of the alert was answered with 2xx; None when none was sent."""

    @property
    def since(self) -> float:
        """What latencies count from."""
        return self.intended if self.started is None else self.started

    @property
    def accepted(self) -> bool:
        """The target answered 2xx."""
        return self.status is not None and 200 <= self.status <= 299  # noqa: PLR2004 - HTTP
