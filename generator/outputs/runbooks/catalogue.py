"""Catalogue of texts for verdicts, stages, criteria and canary calls. Data only."""

from collections.abc import Mapping

from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict

_SLOW_STAGE_TEXT = "the stage took longer than its target, or was not reached at all."
CRITERION_TEXTS: Mapping[Criterion, str] = {
    **{Criterion.from_stage(stage): _SLOW_STAGE_TEXT for stage in Stage},
    Criterion.AVAILABILITY: (
        "the event was not executed exactly once with its own parameters. The page `/runs` of "
        "slo-probe has the verdict."
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
        "from the send to the reply, without the function. If the other stages are fast, events "
        "are queued: check CPU, the number of replicas, and cold starts."
    ),
    Stage.REMEDIATION_SELECTION: (
        "from the send to the first contact with the function. With the `source` canary it "
        "includes the Linear issue, with tempo it does not."
    ),
    Stage.LINEAR_ISSUE_CREATION: (
        "from the send to the creation of the Linear issue. If only this stage is slow, check "
        "Linear, the network path to it, and its rate limit."
    ),
    Stage.LAMBDA_EXECUTION: (
        "from the first contact with the function to the end of its response. The canary answers "
        "at once, so check the health check before the call, the network, and the CPU of slo-probe."
    ),
    Stage.VERIFICATION: "the verification of the remediation, as recorded in the trace.",
    Stage.END_TO_END: (
        "from the send to the end of the function, with all other stages except the verification. "
        "Find the stage that grew."
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
        "answered 2xx, and the function was never called (`never_executed`). If only bursts are "
        "affected, capacity is too low. If only one `path` is, the cause is in front of the "
        "service."
    ),
    Verdict.DUPLICATED: (
        "the function was called more than once for one event (`executed_twice`). If `direct` is "
        "affected, the service repeats the call; otherwise the event was delivered twice."
    ),
    Verdict.CORRUPTED: (
        "the function was called with other parameters (`wrong_parameters`) or with the id of "
        "another event (`foreign_id`), or the response named another event (`foreign_reply`). Real "
        "remediations may hit a wrong target: stop them first."
    ),
    Verdict.REJECTED: (
        "answered with a status other than 2xx: the event or its credentials (`client_error`), an "
        "internal error (`server_error`), a wrong URL (`redirected`), an error after the execution "
        "(`rejected_but_executed`), the resolved event (`end_rejected`), or a response that is not "
        "the documented one (`unexpected_reply`: a proxy or another version answers)."
    ),
    Verdict.UNREACHABLE: (
        "no HTTP response: no process behind the Service (`connection_refused`), the process died "
        "or a proxy closed the connection (`connection_reset`), no such Service (`dns_failed`), a "
        "NetworkPolicy or a missing node (`no_route`), certificates (`tls_failed`), another server "
        "on the port (`not_http`)."
    ),
    Verdict.TIMEOUT: (
        "no response by the deadline: the service hangs before the call (`no_reply`) or after it "
        "(`no_reply_but_executed`), or the connection broke after it (`reply_lost_but_executed`)."
    ),
    Verdict.LATE: (
        "executed once with the right parameters, but too late (`executed_late`), or not finished "
        "by the deadline (`execution_unfinished`). Check which stage takes the time."
    ),
    Verdict.UNKNOWN: (
        "the prober was at fault, so the run says nothing about the service: `prober_restarted`, "
        "`shutdown`, `internal_error`, `canary_down`, `resource_exhausted` (no files, memory or "
        "places for connections), `prober_stalled` (no CPU), `sent_late`, `lease_lost` (another "
        "replica sends)."
    ),
}
