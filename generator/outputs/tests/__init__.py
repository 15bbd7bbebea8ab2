"""Output format `tests`: unit tests of the rules for `promtool test rules`."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings
from generator.outputs.tests import promtool_file, standalone
from generator.outputs.tests.slo import build_slo_files
from generator.text import yaml_writer

NAME = "tests"
ONE_FILE = False
ON_REQUEST = False
ENGINE = None
_RULES_FOLDER = "prometheus"


def render_plan(plan: Plan, _: OutputSettings) -> Iterator[Artifact]:
    """Render the tests of all SLOs, alerts and recordings of a plan, in a folder named after it."""
    folder = plan.path.with_suffix("")
    parent = PurePosixPath(*[".."] * (len(folder.parts) + 1))
    rules = str(parent / _RULES_FOLDER / plan.path)
    for spec_plan in plan.spec_plans:
        for slo in spec_plan.slos:
            for name, step, groups, cases in build_slo_files(slo):
                lines = promtool_file.render_test_file(rules, groups, step, cases)
                path = folder / f"{slo.id}-{name}.yaml"
                yield Artifact(path, yaml_writer.render_document(plan.sources, lines))
        for group, cases in (
            standalone.build_standalone_files(spec_plan.spec) if spec_plan.spec else ()
        ):
            lines = promtool_file.render_test_file(
                rules, [group], min(each.step for each in cases), cases
            )
            path = folder / f"{group.replace(':', '-')}.yaml"
            yield Artifact(path, yaml_writer.render_document(plan.sources, lines))


def render_run(_: Sequence[Plan], _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: `slo-rules test` finds the files by itself."""
    yield from ()
