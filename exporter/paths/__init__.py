"""One file per way a synthetic alert can take to agent-sre; the folder is the registry.

A way has `Settings`, where it begins, and `Way`, which sends one alert and says what came back.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol, cast

from exporter.events import Alert
from exporter.fields import Section
from exporter.plugins import modules
from exporter.post import Reply
from exporter.reach import Reach
from exporter.result import Leaving
from slos.schema.contract import Leavings, Route


class Way(Protocol):
    """What a probe and the aftercare ask of a way."""

    ROUTE: Route
    SYNCHRONOUS: bool
    """Whether the reply comes from agent-sre itself, after its work."""
    clock_at_webhook: bool
    """Whether latencies count from the moment at which the notification was sent out."""
    cleans: Leavings | None
    """What it can clean up."""

    def leavings(self, alert: Alert) -> tuple[Leaving, ...]:
        """What an alert leaves behind on the way, known before it is sent."""

    async def send(self, alert: Alert) -> Reply:
        """Send a fired alert; the caller sets the time limit.

        Raises:
            OSError: this machine ran out of something; that says nothing about the target.
        """

    async def end(self, alert: Alert) -> Reply:
        """Send the end of an alert, likewise."""

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Clean up, and give back what could not be."""


class WayModule(Protocol):
    """What a file in this folder offers."""

    Settings: type[Section]
    Way: Callable[[Section, Reach], Way]


@cache
def way_modules() -> dict[Route, WayModule]:
    """All ways by the value of the label `path`."""
    found = modules(sys.modules[__name__])
    return {Route(name): cast("WayModule", module) for name, module in found.items()}
