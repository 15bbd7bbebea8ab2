"""Recording rules that read raw series: the events of one step, total and errors."""

from collections.abc import Callable, Iterator

from generator import names
from generator.model import SLO, RecordingRule
from slos.schema.grouping import grouping_of
from slos.schema.units import Duration


def rules(slo: SLO, step: Duration, counted: Callable[[SLO, str], str]) -> Iterator[RecordingRule]:
    """Total first: it says where no error series yet means no errors.

    Args:
        slo: whose events.
        step: of the tier that the events are recorded in.
        counted: makes the expression for a step out of a query of the SLO.
    """
    identity = names.identity(slo)
    yield RecordingRule(names.total(step), counted(slo, slo.signal.total), identity)
    errors = counted(slo, slo.signal.errors)
    if slo.signal.errors_may_be_absent:
        zero = f"{names.of(names.total(step), slo)} * 0"
        errors = f"{errors}\nor {_matched(slo)}\n{zero}"
    yield RecordingRule(names.errors(step), errors, identity)


def _matched(slo: SLO) -> str:
    """How errors meet their total: by the labels that split the SLO, where these are known.

    Any other label may be on one side only, as one that is put on all rules afterwards
    (`enforcedNamespaceLabel` of prometheus-operator): the total has it, a sum of errors has not.
    Where a query says which labels it drops, it keeps such a label, and both sides have it.
    """
    grouping = grouping_of(slo.signal.total)
    if grouping is None or grouping.without:
        return f"ignoring ({', '.join(names.identity(slo))})"
    return f"on ({', '.join(grouping.labels)})"
