"""Texts for each verdict of a probe run, with the reasons of the prober as code."""

from collections.abc import Mapping

from slos.schema.contract import Verdict

SAYS: Mapping[Verdict, str] = {
    Verdict.LOST: (
        "answered 2xx, and the function was never called (`never_executed`). Whoever sent the "
        "event believes that it was handled. Lost in bursts only: too little room. Lost one by "
        "one as well: it takes events and does nothing with them. Lost on one `path` only: the "
        "way in front of it."
    ),
    Verdict.DUPLICATED: (
        "the function was called more than once for one event (`executed_twice`). On the path "
        "`broker` or `alertmanager` alone, the way in front delivered twice, often after a slow "
        "answer; on `direct` as well, the service itself repeats."
    ),
    Verdict.CORRUPTED: (
        "the function was called with other parameters (`wrong_parameters`) or with the id of "
        "another event (`foreign_id`). Real remediations may hit the wrong target: stop them "
        "before you look further."
    ),
    Verdict.REJECTED: (
        "answered other than 2xx. `client_error`: it refuses the event or its credentials. "
        "`server_error`: an error of its own, its log has it. `redirected`: the address is not "
        "its. `rejected_but_executed`: it did the work and said no. `end_rejected`: it took the "
        "alert and not the end of it."
    ),
    Verdict.UNREACHABLE: (
        "no HTTP at all. `connection_refused`: no process behind the Service. `connection_reset`: "
        "it died, or a proxy cut in. `dns_failed`: no such Service. `no_route`: a NetworkPolicy, "
        "or a node is gone. `tls_failed`: certificates. `not_http`: something else listens there."
    ),
    Verdict.TIMEOUT: (
        "no answer by the deadline. `no_reply`: it hangs before the call. "
        "`no_reply_but_executed`: the function was called and it hangs after that."
    ),
    Verdict.LATE: (
        "executed once and rightly, but too late (`executed_late`), or begun and not ended by the "
        "deadline (`execution_unfinished`). The stage that takes the time says why."
    ),
    Verdict.UNKNOWN: (
        "the prober's own fault, so it says nothing of the service: `prober_restarted`, "
        "`shutdown`, `internal_error`, `canary_down`, `prober_stalled` (no CPU), `sent_late`, "
        "`lease_lost` (another replica sends)."
    ),
}
