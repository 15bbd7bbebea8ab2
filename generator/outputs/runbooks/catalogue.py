"""Catalogue of texts for verdicts, stages, criteria and canary calls. Data only."""

from collections.abc import Mapping

from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict

_SLOW_STAGE_TEXT = "the stage took longer than its target, or was not reached at all."
CRITERION_TEXTS: Mapping[Criterion, str] = {
    **{Criterion.from_stage(stage): _SLOW_STAGE_TEXT for stage in Stage},
    Criterion.AVAILABILITY: (
        "the event was not executed exactly once with its own parameters. The verdict of the run "
        "gives the failure."
    ),
    Criterion.HEALTH: "`/health` did not answer 200: no process, no network path, or it hangs.",
    Criterion.LEAKS: "memory, open files or threads grow without limit.",
    Criterion.NO_RACE: (
        "a run of a burst was executed with the parameters or the id of another. Remediations may "
        "hit a wrong target."
    ),
    Criterion.NO_DEADLOCK: "events of a burst neither arrived nor failed by the deadline.",
    Criterion.AUTHENTICATION: "a request without credentials or with wrong ones was accepted.",
    Criterion.RATE_LIMITING: "all requests were accepted, although they exceeded the limit.",
    Criterion.CONTAINMENT: ("an event could make the service call a host other than its function."),
    Criterion.INPUT_VALIDATION: (
        "malformed, oversized, deeply nested or incomplete events were accepted or caused failures."
    ),
}

OUTCOME_TEXTS: Mapping[CanaryOutcome, str] = {
    CanaryOutcome.EXECUTED: "a call of a run in flight. This is the normal case.",
    CanaryOutcome.AFTER_VERDICT: (
        "a call after the verdict of its run. If there are runs with the verdict `lost`, the call "
        "was late. Otherwise it was repeated by a broker or a retry."
    ),
    CanaryOutcome.UNKNOWN_ID: (
        "a call with an id of no known run: another prober uses this canary, the journal was "
        "lost, or the canary was called by hand."
    ),
    CanaryOutcome.MALFORMED: (
        "a call with missing parts: it is not from the service, or from a new version of it."
    ),
}

STAGE_TEXTS: Mapping[Stage, str] = {
    Stage.CLOUDEVENT_PROCESSING: (
        "from the intended send to the reply, without the time of the function. If neither the "
        "selection nor the Linear issue is slow, events are queued: check CPU, the event loop, "
        "the number of replicas, and cold starts."
    ),
    Stage.REMEDIATION_SELECTION: (
        "from the intended send to the first contact with the function. As observed by the canary "
        "it includes the Linear issue; as observed by Tempo it does not. Check the label `source` "
        "before you compare."
    ),
    Stage.LINEAR_ISSUE_CREATION: (
        "from the intended send to the creation of the Linear issue. If only this stage is slow, "
        "check Linear, the network path to it, and its rate limit."
    ),
    Stage.LAMBDA_EXECUTION: (
        "from the first contact with the function to the end of its response. The canary answers "
        "at once. If this stage is slow, check the health check before the call, the network, and "
        "the CPU of slo-probe."
    ),
    Stage.VERIFICATION: "the verification of the remediation, as recorded in the trace.",
    Stage.END_TO_END: (
        "from the intended send to the end of the function. It includes all other stages except "
        "the verification. Find the stage that grew."
    ),
}

_STAGES_BEFORE_CALL = (Stage.LINEAR_ISSUE_CREATION, Stage.REMEDIATION_SELECTION)
INNER_STAGES: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.CLOUDEVENT_PROCESSING: (Stage.CLOUDEVENT_PROCESSING, *_STAGES_BEFORE_CALL),
    Stage.REMEDIATION_SELECTION: (Stage.REMEDIATION_SELECTION, Stage.LINEAR_ISSUE_CREATION),
    Stage.LINEAR_ISSUE_CREATION: (Stage.LINEAR_ISSUE_CREATION,),
    Stage.LAMBDA_EXECUTION: (Stage.LAMBDA_EXECUTION,),
    Stage.VERIFICATION: (Stage.VERIFICATION,),
    Stage.END_TO_END: (
        Stage.END_TO_END,
        Stage.LAMBDA_EXECUTION,
        Stage.CLOUDEVENT_PROCESSING,
        *_STAGES_BEFORE_CALL,
    ),
}
"""The stages inside a stage, the stage itself first."""

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
        "another event (`foreign_id`), or the response named another event (`foreign_reply`). Real "
        "remediations may hit a wrong target. Stop them "
        "first."
    ),
    Verdict.REJECTED: (
        "answered with a status other than 2xx. `client_error`: the event or its credentials were "
        "rejected. `server_error`: an internal error, see its log. `redirected`: the URL is wrong. "
        "`rejected_but_executed`: the event was executed and answered with an error. "
        "`end_rejected`: the resolved event was rejected. `unexpected_reply`: executed, but the "
        "response is not the one that agent-sre documents; a proxy or another version answers."
    ),
    Verdict.UNREACHABLE: (
        "no HTTP response. `connection_refused`: no process behind the Service. "
        "`connection_reset`: the process died, or a proxy closed the connection. `dns_failed`: no "
        "such Service. `no_route`: a NetworkPolicy, or a missing node. `tls_failed`: certificates. "
        "`not_http`: another server listens on the port."
    ),
    Verdict.TIMEOUT: (
        "no response by the deadline. `no_reply`: the service hangs before the call. "
        "`no_reply_but_executed`: it hangs after the call. `reply_lost_but_executed`: the "
        "connection broke after the call; the process or a proxy in front of it ended."
    ),
    Verdict.LATE: (
        "executed once with the right parameters, but too late (`executed_late`), or started and "
        "not finished by the deadline (`execution_unfinished`). Check which stage takes the time."
    ),
    Verdict.UNKNOWN: (
        "the prober was at fault, so the run says nothing about the service: `prober_restarted`, "
        "`shutdown`, `internal_error`, `canary_down`, `resource_exhausted` (no files, memory or "
        "places for connections), `prober_stalled` (no CPU), `sent_late`, `lease_lost` (another "
        "replica sends)."
    ),
}
