"""Explanations of verdicts and reasons in words, and where to look. Data only."""

from collections.abc import Mapping

from exporter.model.verdict import Reason
from slos.schema.contract import Verdict

WHERE_TO_LOOK: Mapping[Verdict, str] = {
    Verdict.OK: "",
    Verdict.LOST: (
        "agent-sre: its event loop is starved, and the health check of the function times out"
    ),
    Verdict.DUPLICATED: "agent-sre, or the path in front of it: a broker that retries",
    Verdict.LATE: "the load, the function, Linear",
    Verdict.REJECTED: "the log of agent-sre, and a proxy in front of it",
    Verdict.CORRUPTED: "a race condition in agent-sre",
    Verdict.UNREACHABLE: "network, Service, pods",
    Verdict.TIMEOUT: "agent-sre or the function hangs",
    Verdict.UNKNOWN: "the prober itself; the run says nothing about agent-sre",
}

REASONS: Mapping[Reason, str] = {
    Reason.EXECUTED_ONCE: "executed once, with the right parameters, by the deadline",
    Reason.EXECUTED_LATE: "executed once, but too late",
    Reason.EXECUTION_UNFINISHED: "the function was called, and had not finished by the deadline",
    Reason.EXECUTED_TWICE: "the function was called more than once",
    Reason.NEVER_EXECUTED: "answered 2xx, and the function was never called",
    Reason.WRONG_PARAMETERS: "the function was called with other parameters than those sent",
    Reason.FOREIGN_ID: "the function was called with the id of another run",
    Reason.FOREIGN_REPLY: "the reply named another run",
    Reason.REDIRECTED: "answered with a redirect",
    Reason.CLIENT_ERROR: "answered 4xx",
    Reason.SERVER_ERROR: "answered 5xx",
    Reason.REJECTED_BUT_EXECUTED: "answered with an error, and the function was called anyway",
    Reason.END_REJECTED: "the end of the alert was not accepted",
    Reason.UNEXPECTED_REPLY: "the reply is not one that agent-sre documents",
    Reason.NO_REPLY: "no reply by the deadline, and no call of the function",
    Reason.NO_REPLY_BUT_EXECUTED: "the function was called, and no reply came by the deadline",
    Reason.REPLY_LOST_BUT_EXECUTED: "the function was called, and the connection broke afterwards",
    Reason.CONNECTION_REFUSED: "the connection was refused",
    Reason.DNS_FAILED: "the name of the target could not be resolved",
    Reason.TLS_FAILED: "TLS failed",
    Reason.NO_ROUTE: "there is no route to the target",
    Reason.CONNECTION_RESET: "the connection was reset",
    Reason.NOT_HTTP: "the reply is not HTTP",
    Reason.PROBER_RESTARTED: "the prober was restarted during the run",
    Reason.SHUTDOWN: "the prober was shut down during the run",
    Reason.INTERNAL_ERROR: "an error in the prober",
    Reason.CANARY_DOWN: "the canary of the prober did not serve",
    Reason.RESOURCE_EXHAUSTED: "the prober ran out of files or memory",
    Reason.LEASE_LOST: "the prober lost its lease during the run",
    Reason.PROBER_STALLED: "the prober was stalled during the run",
    Reason.SENT_LATE: "the event was sent too late",
}
