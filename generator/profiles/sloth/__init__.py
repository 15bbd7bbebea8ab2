"""Profile `sloth`: the rules of Sloth v0.16, character by character."""

from generator.model import Part, RuleObject
from generator.profiles import Planned
from generator.profiles.sloth.chain import Chain
from generator.profiles.sloth.resolve import resolve
from generator.profiles.sloth.unsupported import beside_slos
from generator.settings import Defaults
from slos.schema.problem import Problem, Severity
from slos.schema.spec import LocatedSpec

NAME = "sloth"
AS_WRITTEN = True
CHECKED = False

_MANAGED = {"app.kubernetes.io/component": "SLO", "app.kubernetes.io/managed-by": "sloth"}


def plan(located: LocatedSpec, defaults: Defaults) -> Planned:
    """Plan the SLI, metadata and alert group of each SLO, after its plugins have run."""
    slos, rules = [], []
    problems = [_passed_over(located, key) for key in beside_slos(located.spec)]
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


def _passed_over(located: LocatedSpec, key: str) -> Problem:
    message = f"Sloth's rules have no place for {key!r}"
    return Problem(located.at((key,)), message, "the exact profile has", Severity.WARNING)


def _named(located: LocatedSpec) -> RuleObject | None:
    meta = located.origin.meta
    if not meta:
        return None
    labels = {**meta.labels, **_MANAGED}
    return RuleObject(meta.name, meta.namespace, labels, meta.annotations, complete=True)
