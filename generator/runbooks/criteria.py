"""Texts for each criterion: the meaning of a failed check."""

from collections.abc import Mapping

from slos.schema.contract import Criterion, Stage

_SLOW = "the stage took longer than its target, or was not reached at all."
CRITERION_TEXTS: Mapping[Criterion, str] = {
    **{Criterion.of_stage(stage): _SLOW for stage in Stage},
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
