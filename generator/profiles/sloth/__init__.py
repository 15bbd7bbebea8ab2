"""Profile `sloth`: the rules of Sloth v0.16, character by character."""

from dataclasses import replace

from generator.model import RuleObjectMeta, SpecPlan
from generator.profiles import ProfileResult
from generator.settings import RunSettings
from slos.schema.problem import Position, Problem, ProblemSeverity
from slos.schema.spec import LocatedSpec

NAME = "sloth"
AS_WRITTEN = True
CHECKED = False
FULL_OBJECTIVE = True

_SLOTH_OBJECT_LABELS = {
    "app.kubernetes.io/component": "SLO",
    "app.kubernetes.io/managed-by": "sloth",
}


def plan_spec(located: LocatedSpec, run_settings: RunSettings) -> ProfileResult:
    """Plan the SLI, metadata and alert group of each SLO, after its plugins have run."""
    from generator.profiles.sloth.chain import SloPluginChain  # noqa: PLC0415 - imports many modules
    from generator.profiles.sloth.resolve import (  # noqa: PLC0415 - likewise
        list_standalone_keys,
        resolve_sloth_slo,
    )

    slos, groups = [], []
    problems = [
        _build_unsupported_key_warning(located, key) for key in list_standalone_keys(located.spec)
    ]
    if run_settings.delay.ms:
        position, message = Position("--delay"), "the sloth profile does not support --delay"
        hint = "use the exact profile; the option is ignored"
        problems.append(Problem(position, message, hint, ProblemSeverity.WARNING))
    for index, spec in enumerate(located.spec.slos):
        slo, found = resolve_sloth_slo(located, spec, index, run_settings)
        problems += found
        if slo:
            slo_rules, found = SloPluginChain(located, index, run_settings.slo_plugins).run_plugins(
                slo
            )
            problems += found
            slos.append(slo)
            groups += [replace(group, slo=slo.id) for group in slo_rules.groups]
    return ProfileResult(
        tuple(slos), SpecPlan(tuple(groups), _build_object_meta(located)), tuple(problems)
    )


def _build_unsupported_key_warning(located: LocatedSpec, key: str) -> Problem:
    message = f"the sloth profile does not support {key!r}"
    hint = "use the exact profile; the key is ignored"
    return Problem(located.find_position((key,)), message, hint, ProblemSeverity.WARNING)


def _build_object_meta(located: LocatedSpec) -> RuleObjectMeta | None:
    meta = located.origin.meta
    if not meta:
        return None
    labels = {**meta.labels, **_SLOTH_OBJECT_LABELS}
    return RuleObjectMeta(meta.name, meta.namespace, labels, meta.annotations, complete=True)
