"""API and registry of delivery paths to agent-sre: one plug-in file each.

A path file has `Settings`, the endpoint of the path, and `Path`, which sends one alert and returns
the reply.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol, cast

from exporter.fields import Section
from exporter.httpclient.client import Reply
from exporter.model.alert import Alert
from exporter.model.run import Leaving
from exporter.plugins import modules
from exporter.reach import Reach
from slos.schema.contract import Leavings, Route


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
