"""Unit test files of a plan, and the rules that they read.

promtool evaluates every rule of a rule file at every step of a test, and fails on a series that is
both input and recorded. So a test has a rule file of its own. It holds only the rules that the
checks read, directly or through other rules, without the rules that record an input series.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from generator.model import Artifact, Plan, RecordingRule, Rule, RuleGroup, SpecPlan
from generator.outputs.tests.promtool_file import (
    AlertCheck,
    UnitTestCase,
    UnitTestFile,
    ValueCheck,
    render_test_file,
)
from generator.outputs.tests.selectors import parse_series
from generator.outputs.tests.slo import build_slo_files
from generator.outputs.tests.standalone import build_standalone_files
from generator.text import yaml_writer

_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


def render_plan_files(plan: Plan) -> Iterator[Artifact]:
    """Render the test files and rule files of a plan, in a folder named after it."""
    folder = plan.path.with_suffix("")
    for file in chain(*map(_build_files, plan.spec_plans)):
        rule_file = f"{file.name}.rules"
        for name, lines in (
            (f"{file.name}.yaml", render_test_file(file, rule_file)),
            (rule_file, yaml_writer.render_mapping(yaml_writer.map_groups(file.groups))),
        ):
            yield Artifact(folder / name, yaml_writer.render_document(plan.sources, lines))


def _build_files(spec_plan: SpecPlan) -> Iterator[UnitTestFile]:
    """Build the test files of a spec: the checks of what is built, and the rules they read."""
    slo_files = chain(*map(build_slo_files, spec_plan.slos))
    spec_files = build_standalone_files(spec_plan.spec, spec_plan.slos) if spec_plan.spec else ()
    for file in chain(slo_files, spec_files):
        cases = _select_checks(file.cases, spec_plan.groups)
        if cases:
            groups = _select_rules(file.groups, cases)
            yield replace(file, groups=groups, cases=cases)


def _select_checks(
    cases: Iterable[UnitTestCase], groups: Iterable[RuleGroup]
) -> list[UnitTestCase]:
    """Select the checks of alerts, if the groups have alerts, and those of recordings likewise."""
    rules = [rule for group in groups for rule in group.rules]
    has_recordings = any(isinstance(rule, RecordingRule) for rule in rules)
    has_alerts = any(not isinstance(rule, RecordingRule) for rule in rules)
    selected_cases = (
        replace(
            case,
            checks=tuple(
                check for check in case.checks if (has_alerts if check.alert else has_recordings)
            ),
        )
        for case in cases
    )
    return [case for case in selected_cases if case.checks]


def _select_rules(groups: Sequence[RuleGroup], cases: Sequence[UnitTestCase]) -> list[RuleGroup]:
    """Select the rules that the checks of cases read, without those that record an input series."""
    input_series = [
        parse_series(name) for name in {each.name for case in cases for each in case.series}
    ]

    def is_input(rule: Rule) -> bool:
        return isinstance(rule, RecordingRule) and any(
            metric == rule.record and rule.labels.items() <= labels.items()
            for metric, labels in input_series
        )

    candidates = [[rule for rule in group.rules if not is_input(rule)] for group in groups]
    exprs: dict[str, list[str]] = {}
    for rule in chain(*candidates):
        exprs.setdefault(_get_name(rule), []).append(rule.expr)
    left = [name for case in cases for check in case.checks for name in _list_names(check)]
    names_read = set[str]()
    while left:
        name = left.pop()
        if name not in names_read:
            names_read.add(name)
            left += [each for expr in exprs.get(name, ()) for each in _NAME.findall(expr)]
    selected_groups = (
        replace(group, rules=tuple(rule for rule in rules if _get_name(rule) in names_read))
        for group, rules in zip(groups, candidates, strict=True)
    )
    return [group for group in selected_groups if group.rules]


def _list_names(check: AlertCheck | ValueCheck) -> list[str]:
    """List the names that a check reads: an alert, or the metrics of an expression."""
    if isinstance(check, AlertCheck) or check.alert:
        return [check.alert]
    return _NAME.findall(check.expr)


def _get_name(rule: Rule) -> str:
    return rule.record if isinstance(rule, RecordingRule) else rule.alert
