"""Profile `exact`: every event is counted once, in tiers, and budgets are sums of counts."""

from collections.abc import Iterator, Sequence

from generator.model import SLO, RuleObjectMeta, SpecPlan
from generator.profiles import ProfileResult
from generator.rules import standalone
from generator.rules.groups import build_groups
from generator.settings import RunSettings
from generator.slo.no_data import build_no_data_alert
from generator.slo.resolve import resolve_slos
from slos.schema.problem import Position, Problem, ProblemSeverity
from slos.schema.spec import LocatedSpec, Spec

NAME = "exact"
AS_WRITTEN = False
CHECKED = True
FULL_OBJECTIVE = False


def plan_spec(located: LocatedSpec, run_settings: RunSettings) -> ProfileResult:
    """Plan the groups of each SLO, and the standalone groups."""
    slos, problems = resolve_slos(located, run_settings)
    slo_groups = (group for slo in slos for group in build_groups(slo))
    spec = _add_run_labels(_add_no_data_alert(located.spec, slos), run_settings)
    groups = (*slo_groups, *standalone.build_standalone_groups(spec))
    all_problems = (*problems, *_warn_of_ignored_plugins(run_settings))
    spec_plan = SpecPlan(groups, _build_object_meta(located), tuple(slos), spec)
    return ProfileResult(spec_plan.slos, spec_plan, all_problems)


def _add_no_data_alert(spec: Spec, slos: Sequence[SLO]) -> Spec:
    """Add the alert on missing data to the standalone alerts of a spec."""
    alert = build_no_data_alert(spec, slos)
    return spec.model_copy(update={"alerts": [*spec.alerts, alert]}) if alert else spec


def _add_run_labels(spec: Spec, run_settings: RunSettings) -> Spec:
    """Add the labels of the run to a spec and its recordings, so that runs do not collide."""
    if not run_settings.extra_labels:
        return spec
    labels = {**spec.labels, **run_settings.extra_labels}
    recordings = [
        each.model_copy(update={"labels": {**each.labels, **run_settings.extra_labels}})
        for each in spec.recordings
    ]
    return spec.model_copy(update={"labels": labels, "recordings": recordings})


def _build_object_meta(located: LocatedSpec) -> RuleObjectMeta | None:
    meta = located.origin.meta
    if not meta:
        return None
    return RuleObjectMeta(meta.name, meta.namespace, meta.labels, meta.annotations)


def _warn_of_ignored_plugins(run_settings: RunSettings) -> Iterator[Problem]:
    """Warn of SLO plugins on the command line; the check `slo-plugins` covers those in specs."""
    if run_settings.slo_plugins:
        yield Problem(
            Position("--slo-plugins"),
            "SLO plugins of Sloth are ignored",
            "only --profile sloth runs them",
            ProblemSeverity.WARNING,
        )
