"""What an answer to a hostile event says of the target; None when it says nothing. Pure."""

from exporter.post import Reply
from slos.schema.contract import Verdict

_TOO_MANY = 429
_REFUSALS = frozenset({401, 403})


def refuses_input(reply: Reply) -> bool | None:
    """Whether a broken event was refused as the sender's mistake.

    A 5xx is no refusal: a broker repeats what was answered so, again and again.
    """
    status = reply.status
    if status is None or status == _TOO_MANY:
        return None
    return 400 <= status <= 499  # noqa: PLR2004 - HTTP


def refuses_stranger(reply: Reply) -> bool | None:
    """Whether a sender without the right credentials was turned away."""
    status = reply.status
    if status is None or status == _TOO_MANY or status >= 500:  # noqa: PLR2004 - HTTP
        return None
    return status in _REFUSALS


def contains(verdict: Verdict, *, led_astray: bool) -> bool | None:
    """Whether a hostile function name led nowhere.

    Args:
        verdict: of the run; `corrupted` means that the canary was called at a wrong place.
        led_astray: whether the decoy was called.

    A target that took the name for the canary's and called that, did not leave its host.
    """
    if led_astray or verdict is Verdict.CORRUPTED:
        return False
    if verdict in (Verdict.OK, Verdict.LATE, Verdict.LOST, Verdict.REJECTED):
        return True
    return None


def told(reply: Reply) -> str:
    """An answer in words."""
    if reply.status is not None:
        return f"answered {reply.status}"
    return reply.fault.value if reply.fault else "no reply in time"
