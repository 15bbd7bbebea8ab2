"""API of delivery paths (Path, PathContext)."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from exporter.fields import Section
from exporter.httpclient.client import Reply, Sender
from exporter.model.alert import Alert, CanaryIdentity
from exporter.model.run import Leaving
from exporter.plugins import modules
from exporter.schedule.clock import Clock
from slos.schema.contract import Leavings, Route


def _no_headers() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Reach:
    """Endpoint, senders and headers for requests to agent-sre.

    Attributes:
        url: where agent-sre takes CloudEvents.
        canary: the one function that an alert may name.
        sender: sends to any host.
        direct: sends to agent-sre, with the TLS settings of the target.
        clock: the clock.
        headers: returns the headers that agent-sre asks for, such as credentials; called for
            each request.
    """

    url: str
    canary: CanaryIdentity
    sender: Sender
    direct: Sender
    clock: Clock
    headers: Callable[[], Mapping[str, str]] = _no_headers


class Way(Protocol):
    """A delivery path, as probes and the reconciler use it."""

    ROUTE: Route
    SYNCHRONOUS: bool
    """True if the reply comes from agent-sre itself, after its work."""
    clock_at_webhook: bool
    """True if latencies count from the moment at which the notification was sent out."""
    cleans: Leavings | None
    """Kind of leftover that it can clean up."""

    def leavings(self, alert: Alert) -> tuple[Leaving, ...]:
        """List the leftovers of an alert on the path, known before it is sent."""

    async def send(self, alert: Alert) -> Reply:
        """Send a fired alert; the caller sets the time limit.

        Raises:
            OSError: this machine ran out of a resource; that says nothing about the target.
        """

    async def end(self, alert: Alert) -> Reply:
        """Send the end of an alert; errors as for a fired one."""

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Clean up leftovers; return those that could not be cleaned up."""


class WayModule(Protocol):
    """API of a file in this folder."""

    Settings: type[Section]
    Way: Callable[[Section, Reach], Way]


@cache
def way_modules() -> dict[Route, WayModule]:
    """Load all delivery paths, by the value of the label `path`."""
    found = modules(sys.modules[__name__])
    return {Route(name): cast("WayModule", module) for name, module in found.items()}
