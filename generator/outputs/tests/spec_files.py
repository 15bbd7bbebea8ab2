"""Unit test files of a plan, and the rules that they read."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from generator.model import Artifact, Plan, SpecPlan
from generator.outputs.tests import rule_selection
from generator.outputs.tests.promtool_file import UnitTestFile, render_test_file
from generator.outputs.tests.slo import build_slo_files
from generator.outputs.tests.standalone import build_standalone_files
from generator.text import yaml_writer


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
        cases = rule_selection.select_checks(file.cases, spec_plan.groups)
        if cases:
            groups = rule_selection.select_rules(file.groups, cases)
            yield replace(file, groups=groups, cases=cases)
