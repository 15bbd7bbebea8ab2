"""Output format `tests`: unit tests of the rules for `promtool test rules`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from generator.model import Artifact, Plan, SpecPlan
from generator.outputs import OutputSettings
from generator.outputs.tests import rule_selection
from generator.outputs.tests.promtool_file import UnitTestFile, render_test_file
from generator.outputs.tests.slo import build_slo_files
from generator.outputs.tests.standalone import build_standalone_files
from generator.text import yaml_writer

NAME = "tests"
ONE_FILE = False
ON_REQUEST = False
ENGINE = None


def render_plan(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """Render the tests of all SLOs, alerts and recordings of a plan, in a folder named after it.

    The rules under test are beside each test, in a file that no pattern of YAML files takes.
    """
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


def render_run(_: Sequence[Plan], _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: `slo-rules test` finds the files by itself."""
    yield from ()
