"""Texts for each kind of call of the canary function."""

from collections.abc import Mapping

from slos.schema.contract import CanaryOutcome

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
