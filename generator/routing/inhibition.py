"""Inhibitions: alerts that are not notified while another alert explains them."""

from collections.abc import Iterator, Sequence

from generator import names
from generator.model import SLO, Severity
from generator.routing.causes import explained
from generator.routing.groupings import Groupings
from generator.routing.model import Inhibition, Matcher, none_of, one_of
from generator.routing.tree import ALERT
from generator.routing.watched import LESS, Watched

# An alert with the severity of a page whose labels lower it inhibits nothing.
_STILL_A_PAGE = none_of(names.SEVERITY, LESS)


def of_pages(
    slos: Sequence[SLO], ours: Matcher, groupings: Groupings, of_all: Sequence[str]
) -> Iterator[Inhibition]:
    """Build the inhibitions by pages: of tickets and threshold alerts of the same SLO.

    Where the labels that split a budget are not known, a page of one part would inhibit the
    ticket of another part. Such an SLO keeps both. Alerts on missing data are not inhibited.

    Args:
        slos: the resolved SLOs.
        own_matcher: matches all alerts of this run.
        groupings: labels by which each SLO is split.
        common_labels: labels that all alerts of a run have.
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
    """Build the inhibitions that specs declare, by the names of alerts.

    Alertmanager does not see queries, and a label for this would be in the history of every
    alert. So the matchers use names.
    """
    for each in explained(watched):
        if each.symptoms:
            source, target = one_of(ALERT, [each.cause.name]), one_of(ALERT, each.names)
            yield Inhibition((source,), (target,), tuple(of_all))
