"""Helpers that build specs without file access."""

from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

from generator.lint import _run
from generator.model import SLO, AlertingRule, Plan, RecordingRule, Rule, SpecFile
from generator.pipeline import BuildPlan, BuildSettings, plan_build
from generator.settings import RunSettings
from generator.slo.resolve import resolve_slos
from slos.schema.loader import parse_specs
from slos.schema.problem import Problem
from tests.schema.specs import build_slo, build_spec, dump_yaml


def build_source(document: object, name: str = "shop.yaml") -> SpecFile:
    data = document if isinstance(document, bytes) else dump_yaml(document)
    return SpecFile(name, PurePosixPath(name), data)


def build_plans(*documents: object, settings: BuildSettings | None = None) -> BuildPlan:
    sources = [build_source(document, f"{i}.yaml") for i, document in enumerate(documents)]
    return plan_build(sources, settings or BuildSettings())


def build_single_plan(document: object) -> Plan:
    plans = build_plans(document)
    assert not plans.has_errors, plans.problems
    (found,) = plans.plans
    return found


def build_rules(document: object) -> list[Rule]:
    return [rule for group in build_single_plan(document).groups for rule in group.rules]


def find_recording_rule(document: object, name: str) -> RecordingRule:
    (found,) = [
        rule
        for rule in build_rules(document)
        if isinstance(rule, RecordingRule) and rule.record == name
    ]
    return found


def find_alerting_rule(document: object, name: str) -> AlertingRule:
    (found,) = [
        rule
        for rule in build_rules(document)
        if isinstance(rule, AlertingRule) and rule.alert == name
    ]
    return found


def resolve_document(
    document: object, defaults: RunSettings | None = None
) -> tuple[list[SLO], list[Problem]]:
    (located,), problems = parse_specs(dump_yaml(document), "shop.yaml")
    assert not problems
    by = defaults or RunSettings()
    slos, found = resolve_slos(located, by)
    return slos, [*found, *_run.lint_planned_spec(located, slos, by)]


def resolve_single_slo(
    spec_changes: dict[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 - YAML
) -> SLO:
    """Resolve a document with one SLO; `spec_changes` changes the spec, the rest the SLO."""
    slos, _ = resolve_document(build_spec(build_slo(**changes), **(spec_changes or {})))
    assert len(slos) == 1
    return slos[0]


def list_factors(slo: SLO) -> list[Decimal]:
    return [each.factor for alert in slo.burn_alerts for each in alert.conditions]
