"""The exact profile: every event is counted once, in tiers, and budgets are sums of counts."""

from collections.abc import Iterator, Sequence

from generator import plain, review
from generator.defaults import Defaults
from generator.groups import groups_of
from generator.model import SLO, Part, RuleObject
from generator.profiles import Planned
from generator.resolve import resolve
from slos.schema.located import LocatedSpec
from slos.schema.problem import Position, Problem, Severity

NAME = "exact"
AS_WRITTEN = False


def plan(located: LocatedSpec, defaults: Defaults) -> Planned:
    """Fine, coarse and period group of each SLO, and what else is watched."""
    slos, problems = resolve(located, defaults)
    of_slos = (module.group(slo) for slo in slos for module in groups_of(NAME))
    groups = (*of_slos, *plain.groups(located.spec))
    problems += [*review.of_alerts(located, defaults), *review.of_silences(located)]
    found = (*problems, *_plugins_passed_over(located, defaults), *_shared_names(located, slos))
    beside = located.spec if located.spec.alerts or located.spec.recordings else None
    part = Part(groups, _named(located), tuple(slos), beside)
    return Planned(part.slos, part, found)


def _named(located: LocatedSpec) -> RuleObject | None:
    meta = located.origin.meta
    if not meta:
        return None
    return RuleObject(meta.name, meta.namespace, meta.labels, meta.annotations)


def _shared_names(located: LocatedSpec, slos: Sequence[SLO]) -> Iterator[Problem]:
    """Alerts of two SLOs under one name: a silence or a runbook could not tell them apart."""
    first: dict[str, SLO] = {}
    for index, slo in enumerate(slos):
        for firing in slo.firings:
            other = first.setdefault(firing.name, slo)
            if other.name != slo.name:
                yield Problem(
                    located.at(("slos", index, "alerting")),
                    f"the alert {firing.name!r} is also one of {other.name!r}",
                    "give it a name of its own, or silences and runbooks mean both",
                    Severity.WARNING,
                    "duplicate-alert",
                )


def _plugins_passed_over(located: LocatedSpec, defaults: Defaults) -> Iterator[Problem]:
    """Of single SLOs a check tells; these are those of a spec and of the run."""
    places = [located.at(("slo_plugins",))] if located.spec.slo_plugins else []
    places += [Position("--slo-plugins")] if defaults.slo_plugins else []
    for place in places:
        yield Problem(
            place,
            "Sloth's SLO plugins are passed over",
            "the exact profile has its own rules; --profile sloth has them",
            Severity.WARNING,
        )
