"""Checks of the replies to hostile requests; None when a reply proves nothing. Pure."""

from exporter.post import Reply
from slos.schema.contract import Verdict

_TOO_MANY = 429
_REFUSALS = frozenset({401, 403})


def refuses_input(reply: Reply) -> bool | None:
    """Check that a defective event was refused as a mistake of the sender.

    A 5xx is no refusal: a broker retries a delivery that was answered with it.
    """
    status = reply.status
    if status is None or status == _TOO_MANY:
        return None
    return 400 <= status <= 499  # noqa: PLR2004 - HTTP


def refuses_stranger(reply: Reply) -> bool | None:
    """Check that a sender without the right credentials was refused."""
    status = reply.status
    if status is None or status == _TOO_MANY or status >= 500:  # noqa: PLR2004 - HTTP
        return None
    return status in _REFUSALS


def contains(verdict: Verdict, *, led_astray: bool) -> bool | None:
    """Check that a hostile function name caused no call to another host.

    Args:
        verdict: of the run; `corrupted` means that the canary was called at a wrong path.
        honeypot_called: True if the honeypot was called.

    A target that took the name for the canary's and called the canary stayed within its host.
    """
    if led_astray or verdict is Verdict.CORRUPTED:
        return False
    if verdict in (Verdict.OK, Verdict.LATE, Verdict.LOST, Verdict.REJECTED):
        return True
    return None


def told(reply: Reply) -> str:
    """Describe a reply in a few words."""
    if reply.status is not None:
        return f"answered {reply.status}"
    return reply.fault.value if reply.fault else "no reply in time"
