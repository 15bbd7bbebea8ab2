"""API and registry of delivery paths: one plug-in file each."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from exporter.fields import Section
from exporter.httpclient.client import Reply, Sender
from exporter.model.alert import Alert, CanaryIdentity
from exporter.model.run import Leftover
from exporter.plugins import load_modules
from exporter.schedule.clock import Clock
from slos.schema.contract import DeliveryPath, LeftoverKind


def _return_no_headers() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class PathContext:
    """Endpoint, senders and headers for requests to agent-sre.

    Attributes:
        url: where agent-sre takes CloudEvents.
        canary: the one function that an alert may name.
        sender: sends to any host.
        target_sender: sends to agent-sre, with the TLS settings of the target.
        clock: the clock.
        read_headers: returns the headers that agent-sre asks for, such as credentials; called for
            each request.
    """

    url: str
    canary: CanaryIdentity
    sender: Sender
    target_sender: Sender
    clock: Clock
    read_headers: Callable[[], Mapping[str, str]] = _return_no_headers


class Path(Protocol):
    """A delivery path, as probes and the reconciler use it."""

    NAME: DeliveryPath
    SYNCHRONOUS: bool
    """True if the reply comes from agent-sre itself, after its work."""
    clock_at_webhook: bool
    """True if latencies count from the moment at which the notification was sent out."""
    leftover_kind: LeftoverKind | None
    """Kind of leftover that it can clean up."""

    def list_leftovers(self, alert: Alert) -> tuple[Leftover, ...]:
        """List the leftovers of an alert on the path, known before it is sent."""

    async def send_alert(self, alert: Alert) -> Reply:
        """Send a fired alert; the caller sets the time limit.

        Raises:
            OSError: this machine ran out of a resource; that says nothing about the target.
        """

    async def send_end(self, alert: Alert) -> Reply:
        """Send the end of an alert; errors as for a fired one."""

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """Clean up leftovers; return those that could not be cleaned up."""


class PathModule(Protocol):
    """API of a file in this folder."""

    Settings: type[Section]
    Path: Callable[[Section, PathContext], Path]


@cache
def load_path_modules() -> dict[DeliveryPath, PathModule]:
    """Load all delivery paths, by the value of the label `path`."""
    found = load_modules(sys.modules[__name__])
    return {DeliveryPath(name): cast("PathModule", module) for name, module in found.items()}
