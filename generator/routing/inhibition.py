"""What is not notified while something that explains it is."""

from collections.abc import Iterator, Sequence

from generator import names
from generator.model import SLO, Severity
from generator.routing.causes import explained
from generator.routing.groupings import Groupings
from generator.routing.model import Inhibition, Matcher, none_of, one_of
from generator.routing.tree import ALERT
from generator.routing.watched import LESS, Watched

# A page that its labels make less than one explains nothing.
_STILL_A_PAGE = none_of(names.SEVERITY, LESS)


def of_pages(
    slos: Sequence[SLO], ours: Matcher, groupings: Groupings, of_all: Sequence[str]
) -> Iterator[Inhibition]:
    """A page makes the ticket of the same SLO needless, and its alerts on plain limits.

    Where a budget is split by labels that nobody can tell, a page of one part would hide the
    ticket of another: such an SLO has both. No data is another matter than bad data.

    Args:
        slos: those that are resolved.
        ours: which alerts are those of this run.
        groupings: by which labels each SLO is split.
        of_all: labels that are on all alerts of a run.
    """
    told = {slo: each for slo, each in groupings.items() if each and not each.without}
    untold = [slo for slo in groupings if slo not in told]
    split = sorted({label for each in told.values() for label in each.labels})
    equal = tuple(dict.fromkeys((*names.IDENTITY, *of_all, *split)))
    both = (ours, *((none_of(names.ID, untold),) if untold else ()))
    page = (*both, one_of(names.SLOTH_SEVERITY, [Severity.PAGE]), _STILL_A_PAGE)
    if told:
        yield Inhibition(page, (*both, one_of(names.SLOTH_SEVERITY, [Severity.TICKET])), equal)
    limits = [
        alert.firing.name
        for slo in slos
        for alert in slo.threshold_alerts
        if slo.id in told and alert.firing.labels.get(names.SEVERITY) in LESS
    ]
    if limits:
        yield Inhibition(page, (*both, one_of(ALERT, limits)), equal)


def of_causes(watched: Sequence[Watched], of_all: Sequence[str]) -> Iterator[Inhibition]:
    """What specs say of causes and symptoms, by the names of alerts.

    By names, since Alertmanager sees no queries, and a label for it would be in the history of
    every alert.
    """
    for each in explained(watched):
        if each.symptoms:
            source, target = one_of(ALERT, [each.cause.name]), one_of(ALERT, each.names)
            yield Inhibition((source,), (target,), tuple(of_all))
