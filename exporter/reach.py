"""Context that delivery paths need to send to agent-sre."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.httpclient.client import Sender
from exporter.model.alert import CanaryIdentity
from exporter.schedule.clock import Clock


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
