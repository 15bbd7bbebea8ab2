"""Verdict of a run, computed from its evidence. Pure.

The first row that applies decides:

| #  | what is known                               | verdict     |
|----|---------------------------------------------|-------------|
| 1  | the prober itself was at fault              | unknown     |
| 2  | a call carried wrong parameters or id, or   | corrupted   |
|    | the reply the id of another run             |             |
| 3  | more than one call                          | duplicated  |
| 4  | no call, and the request failed below HTTP  | unreachable |
| 5  | a reply other than 2xx, or a call and a     | rejected    |
|    | reply that is not HTTP                      |             |
| 6  | no reply by the deadline, or a connection   | timeout     |
|    | that broke after the call                   |             |
| 7  | 2xx, no call by the deadline                | lost        |
| 8  | 2xx, one call, finished after `late_after`  | late        |
| 9  | the end of the alert was not taken, or a    | rejected    |
|    | reply that agent-sre does not document      |             |
| 10 | 2xx, one call, in time                      | ok          |

Reasons for this order: a faulty prober proves nothing (1); wrong data and double execution do harm
whatever the reply is (2, 3); a failed delivery explains all that follows (4, 5, 6).
"""

from collections.abc import Collection
from enum import StrEnum

from exporter.model.error_kind import ErrorKind
from exporter.model.evidence import Evidence, ReplyProblem
from slos.schema.contract import Verdict


class ProberFault(StrEnum):
    """Faults of the prober itself, worst first."""

    PROBER_RESTARTED = "prober_restarted"
    SHUTDOWN = "shutdown"
    INTERNAL_ERROR = "internal_error"
    CANARY_DOWN = "canary_down"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    LEASE_LOST = "lease_lost"
    PROBER_STALLED = "prober_stalled"
    SENT_LATE = "sent_late"


class Reason(StrEnum):
    """Reason of a verdict; a closed set, fit for a label."""

    EXECUTED_ONCE = "executed_once"
    EXECUTED_LATE = "executed_late"
    EXECUTION_UNFINISHED = "execution_unfinished"
    EXECUTED_TWICE = "executed_twice"
    NEVER_EXECUTED = "never_executed"
    WRONG_PARAMETERS = "wrong_parameters"
    FOREIGN_ID = "foreign_id"
    FOREIGN_REPLY = "foreign_reply"
    REDIRECTED = "redirected"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    REJECTED_BUT_EXECUTED = "rejected_but_executed"
    END_REJECTED = "end_rejected"
    UNEXPECTED_REPLY = "unexpected_reply"
    NO_REPLY = "no_reply"
    NO_REPLY_BUT_EXECUTED = "no_reply_but_executed"
    REPLY_LOST_BUT_EXECUTED = "reply_lost_but_executed"
    CONNECTION_REFUSED = "connection_refused"
    DNS_FAILED = "dns_failed"
    TLS_FAILED = "tls_failed"
    NO_ROUTE = "no_route"
    CONNECTION_RESET = "connection_reset"
    NOT_HTTP = "not_http"
    PROBER_RESTARTED = "prober_restarted"
    SHUTDOWN = "shutdown"
    INTERNAL_ERROR = "internal_error"
    CANARY_DOWN = "canary_down"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    LEASE_LOST = "lease_lost"
    PROBER_STALLED = "prober_stalled"
    SENT_LATE = "sent_late"


def judge_evidence(
    evidence: Evidence, late_after: float, faults: Collection[ProberFault] = ()
) -> tuple[Verdict, Reason]:
    """Return the verdict of a run and its reason.

    Args:
        evidence: facts of the run, complete up to the deadline.
        late_after: end-to-end seconds above which an execution is late.
        faults: faults of the prober itself during the run.
    """
    for fault in ProberFault:
        if fault in faults:
            return Verdict.UNKNOWN, Reason(fault.value)
    return (
        _judge_calls(evidence)
        or _judge_delivery(evidence)
        or _judge_execution(evidence, late_after)
    )


def _judge_calls(evidence: Evidence) -> tuple[Verdict, Reason] | None:
    if any(not call.parameters_ok for call in evidence.calls):
        return Verdict.CORRUPTED, Reason.WRONG_PARAMETERS
    if any(call.foreign_id for call in evidence.calls):
        return Verdict.CORRUPTED, Reason.FOREIGN_ID
    if evidence.reply_problem is ReplyProblem.FOREIGN and evidence.is_accepted:
        return Verdict.CORRUPTED, Reason.FOREIGN_REPLY
    if len(evidence.calls) > 1:
        return Verdict.DUPLICATED, Reason.EXECUTED_TWICE
    return None


def _judge_delivery(evidence: Evidence) -> tuple[Verdict, Reason] | None:
    executed = bool(evidence.calls)
    if evidence.status is not None:
        return (
            None
            if evidence.is_accepted
            else (Verdict.REJECTED, _choose_rejection_reason(evidence.status, executed))
        )
    if executed and evidence.connection_error is ErrorKind.NOT_HTTP:
        return Verdict.REJECTED, Reason.UNEXPECTED_REPLY
    if executed and evidence.connection_error is not None:
        return Verdict.TIMEOUT, Reason.REPLY_LOST_BUT_EXECUTED
    if executed:
        return Verdict.TIMEOUT, Reason.NO_REPLY_BUT_EXECUTED
    if evidence.connection_error is not None:
        return Verdict.UNREACHABLE, Reason(evidence.connection_error.value)
    return Verdict.TIMEOUT, Reason.NO_REPLY


def _judge_execution(evidence: Evidence, late_after: float) -> tuple[Verdict, Reason]:
    if not evidence.calls:
        return Verdict.LOST, Reason.NEVER_EXECUTED
    finished = evidence.calls[0].finished
    if finished is None:  # the deadline is after `late_after`, so it is late already
        return Verdict.LATE, Reason.EXECUTION_UNFINISHED
    if finished.measure_from(evidence.clock_start).low > late_after:
        return Verdict.LATE, Reason.EXECUTED_LATE
    if evidence.end_accepted is False:
        return Verdict.REJECTED, Reason.END_REJECTED
    if evidence.reply_problem is not None:
        return Verdict.REJECTED, Reason.UNEXPECTED_REPLY
    return Verdict.OK, Reason.EXECUTED_ONCE


def _choose_rejection_reason(status: int, was_executed: bool) -> Reason:  # noqa: FBT001 - private, two call sites
    if was_executed:
        return Reason.REJECTED_BUT_EXECUTED
    return {3: Reason.REDIRECTED, 4: Reason.CLIENT_ERROR}.get(status // 100, Reason.SERVER_ERROR)
