"""Recording rules of counts: total events and errors of one step, read from raw series."""

from collections.abc import Callable, Iterator

from generator import names
from generator.model import SLO, RecordingRule
from slos.schema.grouping import grouping_of
from slos.schema.units import Duration


def rules(slo: SLO, step: Duration, counted: Callable[[SLO, str], str]) -> Iterator[RecordingRule]:
    """Rules of the total and of the errors of a tier.

    The total comes first, as the errors read it: no error series and a total mean zero errors.

    Args:
        slo: the SLO.
        step: step of the tier.
        render_count: makes the expression of one step from a query of the SLO.
    """
    identity = names.identity(slo)
    yield RecordingRule(names.total(step), counted(slo, slo.signal.total), identity)
    errors = counted(slo, slo.signal.errors)
    if slo.signal.errors_may_be_absent:
        zero = f"{names.of(names.total(step), slo)} * 0"
        errors = f"{errors}\nor {_matched(slo)}\n{zero}"
    yield RecordingRule(names.errors(step), errors, identity)


def _matched(slo: SLO) -> str:
    """Vector matching of errors with their total: on the grouping labels, where these are known.

    Any other label may be on one side only. A label that is put on all rules afterwards
    (`enforcedNamespaceLabel` of prometheus-operator) is on the total but not on a sum of errors.
    A query that names the labels it drops keeps such a label, so both sides have it.
    """
    grouping = grouping_of(slo.signal.total)
    if grouping is None or grouping.without:
        return f"ignoring ({', '.join(names.identity(slo))})"
    return f"on ({', '.join(grouping.labels)})"
