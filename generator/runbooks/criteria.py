"""Texts for each criterion: the meaning of a failed check."""

from collections.abc import Mapping

from slos.schema.contract import Criterion, Stage

_SLOW = "the stage took longer than its target, or was not reached at all."
SAYS: Mapping[Criterion, str] = {
    **{Criterion.of_stage(stage): _SLOW for stage in Stage},
    Criterion.AVAILABILITY: (
        "the event was not executed exactly once with its own parameters; the verdict of the run "
        "says what happened instead."
    ),
    Criterion.HEALTH: "`/health` did not answer 200: no process, no way to it, or it hangs.",
    Criterion.LEAKS: "memory, open files or threads grow without an end.",
    Criterion.NO_RACE: (
        "a run of a burst had the parameters or the id of another; remediations may hit the wrong "
        "target."
    ),
    Criterion.NO_DEADLOCK: "events of a burst neither arrived nor failed by the deadline.",
    Criterion.AUTHENTICATION: "a request without credentials, or with wrong ones, was served.",
    Criterion.RATE_LIMITING: "more requests than the limit allows were all served.",
    Criterion.CONTAINMENT: (
        "an event could make the service call another host than the function it named."
    ),
    Criterion.INPUT_VALIDATION: (
        "malformed, oversized, deep or incomplete events were served, or broke something."
    ),
}
