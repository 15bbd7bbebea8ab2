"""By which labels each SLO is split, in either profile."""

from collections.abc import Iterator, Mapping, Sequence

from generator import names
from generator.model import Part, Plan, RecordingRule
from slos.schema.grouping import Grouping, grouping_of

_RATIO = "slo:sli_error:ratio_rate"

Groupings = Mapping[str, Grouping | None]
"""Of each SLO by its id; None where only its data can tell."""


def groupings(plans: Sequence[Plan]) -> Groupings:
    """Of all SLOs of a run."""
    found: dict[str, Grouping | None] = {}
    for plan in plans:
        for part in plan.parts:
            for slo, query in _ratios(part):
                if slo not in found:
                    found[slo] = grouping_of(query)
    return found


def _ratios(part: Part) -> Iterator[tuple[str, str]]:
    """Ids, and queries with the labels that split them.

    Of the sloth profile there are rules and no SLOs: what splits the recorded ratio splits it.
    """
    yield from ((slo.id, slo.signal.total) for slo in part.slos)
    for group in () if part.slos else part.groups:
        for rule in group.rules:
            if isinstance(rule, RecordingRule) and rule.record.startswith(_RATIO):
                yield rule.labels.get(names.ID, ""), rule.expr
