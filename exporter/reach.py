"""What it takes to reach agent-sre, by whichever way."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.events import CanaryIdentity
from exporter.post import Sender


def _no_headers() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom to ask, with what.

    Attributes:
        url: where agent-sre takes CloudEvents.
        canary: the one function that may be named.
        sender: sends.
        clock: times.
        headers: that agent-sre itself asks for, such as credentials; read anew for each request.
        tls: how to trust it, for https; made anew when its files change.
        server_name: that its certificate must hold, where that is not the host of the URL.
    """

    url: str
    canary: CanaryIdentity
    sender: Sender
    clock: Clock
    headers: Callable[[], Mapping[str, str]] = _no_headers
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    server_name: str | None = None
