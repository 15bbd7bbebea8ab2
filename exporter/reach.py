"""What it takes to reach agent-sre, by whichever way."""

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
        sender: sends to anyone.
        direct: sends to agent-sre, and trusts whom its settings say.
        clock: times.
        headers: that agent-sre itself asks for, such as credentials; read anew for each request.
    """

    url: str
    canary: CanaryIdentity
    sender: Sender
    direct: Sender
    clock: Clock
    headers: Callable[[], Mapping[str, str]] = _no_headers
