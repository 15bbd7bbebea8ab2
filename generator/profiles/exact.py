"""Profile `exact`: every event is counted once, in tiers, and budgets are sums of counts."""

from collections.abc import Iterator

from generator.model import Part, RuleObject
from generator.profiles import Planned
from generator.rules import standalone
from generator.rules.groups import groups_of
from generator.settings import Defaults
from generator.slo.resolve import resolve
from slos.schema.problem import Position, Problem, Severity
from slos.schema.spec import LocatedSpec, Spec

NAME = "exact"
AS_WRITTEN = False
CHECKED = True


def plan(located: LocatedSpec, defaults: Defaults) -> Planned:
    """Plan the fine, coarse and period group of each SLO, and the standalone groups."""
    slos, problems = resolve(located, defaults)
    of_slos = (module.group(slo) for slo in slos for module in groups_of(NAME))
    spec = _of_run(located.spec, defaults)
    groups = (*of_slos, *standalone.groups(spec))
    found = (*problems, *_plugins_passed_over(defaults))
    part = Part(groups, _named(located), tuple(slos), spec)
    return Planned(part.slos, part, found)


def _of_run(spec: Spec, defaults: Defaults) -> Spec:
    """Add the labels of the run to a spec and its recordings, so that runs do not collide."""
    if not defaults.extra_labels:
        return spec
    labels = {**spec.labels, **defaults.extra_labels}
    recordings = [
        each.model_copy(update={"labels": {**each.labels, **defaults.extra_labels}})
        for each in spec.recordings
    ]
    return spec.model_copy(update={"labels": labels, "recordings": recordings})


def _named(located: LocatedSpec) -> RuleObject | None:
    meta = located.origin.meta
    if not meta:
        return None
    return RuleObject(meta.name, meta.namespace, meta.labels, meta.annotations)


def _plugins_passed_over(defaults: Defaults) -> Iterator[Problem]:
    """Warn of SLO plugins on the command line; the check `slo-plugins` covers those in specs."""
    if defaults.slo_plugins:
        yield Problem(
            Position("--slo-plugins"),
            "Sloth's SLO plugins are passed over",
            "the exact profile has its own rules; --profile sloth has them",
            Severity.WARNING,
        )
