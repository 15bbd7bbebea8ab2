"""Texts for each verdict of a probe run, with the reasons of the prober as code."""

from collections.abc import Mapping

from slos.schema.contract import Verdict

VERDICT_TEXTS: Mapping[Verdict, str] = {
    Verdict.LOST: (
        "answered 2xx, and the function was never called (`never_executed`). The sender of the "
        "event cannot detect this. If only bursts are affected, capacity is too low. If single "
        "events are affected as well, the service accepts events without executing them. If only "
        "one `path` is affected, the cause is in front of the service."
    ),
    Verdict.DUPLICATED: (
        "the function was called more than once for one event (`executed_twice`). If only the "
        "paths `broker` or `alertmanager` are affected, the event was delivered twice, often after "
        "a slow response. If `direct` is affected as well, the service itself repeats the call."
    ),
    Verdict.CORRUPTED: (
        "the function was called with other parameters (`wrong_parameters`) or with the id of "
        "another event (`foreign_id`). Real remediations may hit a wrong target. Stop them "
        "first."
    ),
    Verdict.REJECTED: (
        "answered with a status other than 2xx. `client_error`: the event or its credentials were "
        "rejected. `server_error`: an internal error, see its log. `redirected`: the URL is wrong. "
        "`rejected_but_executed`: the event was executed and answered with an error. "
        "`end_rejected`: the resolved event was rejected."
    ),
    Verdict.UNREACHABLE: (
        "no HTTP response. `connection_refused`: no process behind the Service. "
        "`connection_reset`: the process died, or a proxy closed the connection. `dns_failed`: no "
        "such Service. `no_route`: a NetworkPolicy, or a missing node. `tls_failed`: certificates. "
        "`not_http`: another server listens on the port."
    ),
    Verdict.TIMEOUT: (
        "no response by the deadline. `no_reply`: the service hangs before the call. "
        "`no_reply_but_executed`: it hangs after the call."
    ),
    Verdict.LATE: (
        "executed once with the right parameters, but too late (`executed_late`), or started and "
        "not finished by the deadline (`execution_unfinished`). Check which stage takes the time."
    ),
    Verdict.UNKNOWN: (
        "the prober was at fault, so the run says nothing about the service: `prober_restarted`, "
        "`shutdown`, `internal_error`, `canary_down`, `prober_stalled` (no CPU), `sent_late`, "
        "`lease_lost` (another replica sends)."
    ),
}
