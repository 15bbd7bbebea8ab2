"""The sloth profile: the rules that Sloth v0.16 makes, to the character."""

from generator.defaults import Defaults
from generator.model import Part, RuleObject
from generator.profiles import Planned
from generator.sloth.chain import Chain
from generator.sloth.resolve import resolve
from slos.schema.located import LocatedSpec

NAME = "sloth"
AS_WRITTEN = True

_MANAGED = {"app.kubernetes.io/component": "SLO", "app.kubernetes.io/managed-by": "sloth"}


def plan(located: LocatedSpec, defaults: Defaults) -> Planned:
    """SLI, metadata and alert group of each SLO, as its plugins leave them."""
    slos, rules, problems = [], [], []
    for index, spec in enumerate(located.spec.slos):
        slo, found = resolve(located, spec, index, defaults)
        problems += found
        if slo:
            made, found = Chain(located, index, defaults.slo_plugins).run(slo)
            problems += found
            slos.append(slo)
            rules.append(made)
    groups = tuple(group for made in rules for group in made.groups)
    return Planned(tuple(slos), Part(groups, _named(located)), tuple(problems))


def _named(located: LocatedSpec) -> RuleObject | None:
    meta = located.origin.meta
    if not meta:
        return None
    labels = {**meta.labels, **_MANAGED}
    return RuleObject(meta.name, meta.namespace, labels, meta.annotations, complete=True)
