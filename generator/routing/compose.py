"""Routing of a whole run, built from its plans."""

from collections.abc import Iterator, Sequence

from generator import names
from generator.model import AlertingRule, Plan, Rule
from generator.routing import inhibition, tree
from generator.routing.groupings import groupings
from generator.routing.hours import Hours
from generator.routing.model import Matcher, Routing, none_of, one_of, present
from generator.routing.watched import Watched, alerts

# An external label of Prometheus (`external_labels`). An Alertmanager for several clusters tells
# them apart by it.
_OF_PROMETHEUS = "cluster"


def routing(plans: Sequence[Plan], hours: Hours | None) -> Routing | None:
    """Build the routing of all alerts of these plans; None if they have no alert."""
    if not any(isinstance(rule, AlertingRule) for rule in _rules(plans)):
        return None
    watched: list[Watched] = [(part.spec, part.slos) for plan in plans for part in plan.parts]
    slos = [slo for _, each in watched for slo in each]
    of_run = {name for slo in slos for name in slo.run_labels} - set(names.RESERVED)
    of_all = tuple(dict.fromkeys((_OF_PROMETHEUS, *sorted(of_run))))
    services = set(_services(plans, watched))
    ours = one_of(names.SERVICE, services) if services else present(names.SERVICE)
    heartbeats = [alert.name for alert in alerts(watched) if alert.heartbeat]
    times = tree.intervals(hours)
    pages = inhibition.of_pages(slos, ours, groupings(plans), of_all)
    return Routing(
        ours=tree.build_own_route(ours, heartbeats, of_all, times),
        about=tuple(tree.about(each, of_all, times) for each in _about(watched)),
        inhibitions=(*pages, *inhibition.of_causes(watched, of_all)),
        intervals=times,
        not_ours=_not_ours(services),
    )


def _rules(plans: Sequence[Plan]) -> Iterator[Rule]:
    for plan in plans:
        for group in plan.groups:
            yield from group.rules


def _services(plans: Sequence[Plan], watched: Sequence[Watched]) -> Iterator[str]:
    """List every value of the service label, of series and of alerts."""
    yield from (slo.service for _, slos in watched for slo in slos)
    for rule in _rules(plans):
        if names.SERVICE in rule.labels:
            yield rule.labels[names.SERVICE]


def _about(watched: Sequence[Watched]) -> list[str]:
    """List the selectors of alerts that are not built here, without duplicates."""
    return sorted({selector for spec, _ in watched if spec for selector in spec.also_about})


def _not_ours(services: set[str]) -> Matcher:
    return none_of(names.SERVICE, services) if services else Matcher(names.SERVICE, "=", "")
