"""Faults that a campaign injects: what the stand-in does with an event, and the true verdict.

Each delay is on one side of a bound of `WHOLE`, by more than a stall that the prober tolerates.
Only the faults of `QUICK_FAULTS` suit shorter times.
"""

from dataclasses import dataclass
from enum import StrEnum

from exporter.model.verdict import Reason
from slos.schema.contract import Verdict


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Times of a run and of its observation, in seconds.

    `margin` is the least distance between a delay of a fault and the bound that it is close to.
    """

    timeout: float
    late_after: float
    settle: float
    max_send_lag: float
    within: float
    linger: float
    margin: float


WHOLE = RunTimes(6, late_after=3, settle=1.5, max_send_lag=1, within=20, linger=9, margin=1)
QUICK = RunTimes(3, late_after=2.5, settle=0.8, max_send_lag=2, within=4, linger=1, margin=0.4)


class Step(StrEnum):
    """One thing that the stand-in does; a number between steps is a pause in seconds."""

    HEALTH = "health"
    CALL = "call"
    CALL_CORRUPTED = "call with another parameter"
    CALL_FOREIGN = "call with the id of another run"
    REPLY = "reply"
    REPLY_FOREIGN = "reply about another run"
    REPLY_UNEXPECTED = "another document"
    REPLY_CUT_JSON = "half a document"
    REPLY_302 = "302"
    REPLY_404 = "404"
    REPLY_500 = "500"
    REPLY_EXTRA = "reply and extra bytes"
    REPLY_DRIP = "reply in single bytes"
    REPLY_SLOW_DRIP = "reply in single bytes, beyond the timeout"
    REPLY_HTTP_1_0 = "reply of HTTP/1.0"
    REPLY_GARBAGE = "bytes that are not HTTP"
    RESET = "reset"
    RESET_IN_HEAD = "reset within the head of the reply"
    RESET_IN_BODY = "reset within the body of the reply"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, with the true verdict and its reason."""

    verdict: Verdict
    reason: Reason
    steps: tuple[Step | float, ...]


_HEALTH, _CALL, _REPLY = Step.HEALTH, Step.CALL, Step.REPLY
_RUN = (_HEALTH, _CALL)
_OK = (Verdict.OK, Reason.EXECUTED_ONCE)
_LOST = (Verdict.LOST, Reason.NEVER_EXECUTED)
_CUT = (Verdict.TIMEOUT, Reason.REPLY_LOST_BUT_EXECUTED)
_RESET = (Verdict.UNREACHABLE, Reason.CONNECTION_RESET)
_NO_REPLY = (Verdict.TIMEOUT, Reason.NO_REPLY)
_EXECUTED_NO_REPLY = (Verdict.TIMEOUT, Reason.NO_REPLY_BUT_EXECUTED)
_TWICE = (Verdict.DUPLICATED, Reason.EXECUTED_TWICE)
_ODD_REPLY = (Verdict.REJECTED, Reason.UNEXPECTED_REPLY)

FAULTS = {
    "none": Fault(*_OK, (*_RUN, _REPLY)),
    "executed before late_after": Fault(*_OK, (_HEALTH, 1.2, _CALL, _REPLY)),
    "executed after late_after": Fault(
        Verdict.LATE, Reason.EXECUTED_LATE, (_HEALTH, 4.4, _CALL, _REPLY)
    ),
    "health check late": Fault(Verdict.LATE, Reason.EXECUTED_LATE, (4.4, *_RUN, _REPLY)),
    "reply before timeout": Fault(*_OK, (*_RUN, 4.0, _REPLY)),
    "reply after timeout": Fault(*_EXECUTED_NO_REPLY, (*_RUN, 8.0, _REPLY)),
    "executed after timeout": Fault(*_NO_REPLY, (_HEALTH, 8.0, _CALL, _REPLY)),
    "hang": Fault(*_NO_REPLY, (Step.HANG,)),
    "dropped": Fault(*_LOST, (_REPLY,)),
    "dropped after health check": Fault(*_LOST, (_HEALTH, _REPLY)),
    "executed after the verdict": Fault(*_LOST, (_REPLY, 8.0, *_RUN)),
    "replied first": Fault(*_OK, (_REPLY, 1.0, *_RUN)),
    "duplicate": Fault(*_TWICE, (*_RUN, _CALL, _REPLY)),
    "duplicate within settle": Fault(*_TWICE, (*_RUN, _REPLY, 0.2, _CALL)),
    "duplicate after settle": Fault(*_OK, (*_RUN, _REPLY, 4.0, _CALL)),
    "corrupt parameter": Fault(
        Verdict.CORRUPTED, Reason.WRONG_PARAMETERS, (_HEALTH, Step.CALL_CORRUPTED, _REPLY)
    ),
    "foreign id": Fault(Verdict.CORRUPTED, Reason.FOREIGN_ID, (_HEALTH, Step.CALL_FOREIGN, _REPLY)),
    "foreign reply": Fault(Verdict.CORRUPTED, Reason.FOREIGN_REPLY, (*_RUN, Step.REPLY_FOREIGN)),
    "unexpected reply": Fault(*_ODD_REPLY, (*_RUN, Step.REPLY_UNEXPECTED)),
    "cut JSON": Fault(*_ODD_REPLY, (*_RUN, Step.REPLY_CUT_JSON)),
    "302": Fault(Verdict.REJECTED, Reason.REDIRECTED, (Step.REPLY_302,)),
    "404": Fault(Verdict.REJECTED, Reason.CLIENT_ERROR, (Step.REPLY_404,)),
    "500": Fault(Verdict.REJECTED, Reason.SERVER_ERROR, (Step.REPLY_500,)),
    "500, executed": Fault(Verdict.REJECTED, Reason.REJECTED_BUT_EXECUTED, (*_RUN, Step.REPLY_500)),
    "extra bytes": Fault(*_ODD_REPLY, (*_RUN, Step.REPLY_EXTRA)),
    "slow drip": Fault(*_OK, (*_RUN, Step.REPLY_DRIP)),
    "slow drip beyond timeout": Fault(*_EXECUTED_NO_REPLY, (*_RUN, Step.REPLY_SLOW_DRIP)),
    "HTTP/1.0": Fault(*_OK, (*_RUN, Step.REPLY_HTTP_1_0)),
    "not HTTP, executed": Fault(*_ODD_REPLY, (*_RUN, Step.REPLY_GARBAGE)),
    "not HTTP": Fault(Verdict.UNREACHABLE, Reason.NOT_HTTP, (Step.REPLY_GARBAGE,)),
    "reset at once": Fault(*_RESET, (Step.RESET,)),
    "reset after health check": Fault(*_RESET, (_HEALTH, Step.RESET)),
    "reset, then executed": Fault(*_CUT, (Step.RESET, 0.5, *_RUN)),
    "reset after execution": Fault(*_CUT, (*_RUN, Step.RESET)),
    "reset in head": Fault(*_CUT, (*_RUN, Step.RESET_IN_HEAD)),
    "reset in body": Fault(*_CUT, (*_RUN, Step.RESET_IN_BODY)),
}

_PAUSE_OF_QUICK = 0.5
QUICK_FAULTS = [
    name
    for name, fault in FAULTS.items()
    if all(step <= _PAUSE_OF_QUICK for step in fault.steps if isinstance(step, float))
    and not {Step.HANG, Step.REPLY_SLOW_DRIP} & set(fault.steps)
]
