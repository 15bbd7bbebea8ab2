"""Texts for each kind of call of the canary function."""

from collections.abc import Mapping

from slos.schema.contract import CanaryOutcome

SAYS: Mapping[CanaryOutcome, str] = {
    CanaryOutcome.EXECUTED: "in time and known: as it should be.",
    CanaryOutcome.AFTER_VERDICT: (
        "after its run was over. Runs with the verdict `lost` beside them: the call came, too "
        "late. Without them: it came a second time, repeated by a broker or by a retry."
    ),
    CanaryOutcome.UNKNOWN_ID: (
        "with an id that no run has: another prober shares this canary, the journal was lost, or "
        "somebody calls it by hand."
    ),
    CanaryOutcome.MALFORMED: (
        "without what a call has: not from the service, or from a new version of it."
    ),
}
