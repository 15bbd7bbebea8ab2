"""Labels by which each SLO is split, in either profile."""

from collections.abc import Iterator, Mapping, Sequence

from generator import names
from generator.model import Part, Plan, RecordingRule
from slos.schema.grouping import Grouping, grouping_of

_RATIO = "slo:sli_error:ratio_rate"

Groupings = Mapping[str, Grouping | None]
"""Grouping of each SLO by its id; None if its query does not tell the labels."""


def groupings(plans: Sequence[Plan]) -> Groupings:
    """Collect the groupings of all SLOs of a run."""
    found: dict[str, Grouping | None] = {}
    for plan in plans:
        for part in plan.parts:
            for slo, query in _ratios(part):
                if slo not in found:
                    found[slo] = grouping_of(query)
    return found


def _ratios(part: Part) -> Iterator[tuple[str, str]]:
    """List SLO ids, each with a query whose labels split the SLO.

    The sloth profile has rules and no SLOs. There the labels of the recorded ratio split the SLO.
    """
    yield from ((slo.id, slo.signal.total) for slo in part.slos)
    for group in () if part.slos else part.groups:
        for rule in group.rules:
            if isinstance(rule, RecordingRule) and rule.record.startswith(_RATIO):
                yield rule.labels.get(names.ID, ""), rule.expr
