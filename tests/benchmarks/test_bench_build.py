"""The benchmark of the generator: that it builds for real, and that a start loads little."""

import subprocess
import sys

import pytest

from tests.benchmarks import build
from tests.benchmarks.build import BuildRun
from tests.benchmarks.build_stages import measure_formats


def test_every_spec_is_built_and_measured() -> None:
    run = build.measure_build(3)
    assert run.seconds > 0
    assert run.cpu > 0
    assert run.megabytes > 10


def test_a_changed_spec_is_measured_too() -> None:
    assert build.measure_rebuild(2, changes=True).cpu > 0


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, set()),
        ({build.ONE: BuildRun(0.3, 1, 60)}, {"1 spec: under 0.25 s"}),
        ({build.CHANGED: BuildRun(0.5, 1, 60)}, {"1,000 specs, one changed: under 0.4 s"}),
        ({build.MANY: BuildRun(7, 9, 301)}, {"10,000 specs: under 300 MB"}),
        ({build.MANY: BuildRun(9, 9, 90)}, {"10,000 specs: under 8 s"}),
        ({build.MANY: BuildRun(7, 13, 90)}, {"10,000 specs: in linear time"}),
        ({build.SLOTH: BuildRun(1, 1, 60)}, {"1,000 specs: at most 0.8 of Sloth's time"}),
        ({build.START: BuildRun(0.2, 1, 60)}, {"--version: under 0.12 s"}),
    ],
)
def test_a_target_that_is_missed_is_said(changes: dict[str, BuildRun], missed: set[str]) -> None:
    good = {
        build.START: BuildRun(0.1, 0.1, 20),
        build.ONE: BuildRun(0.2, 0.2, 40),
        build.THOUSAND: BuildRun(1.0, 1.0, 60),
        build.CHANGED: BuildRun(0.3, 0.3, 50),
        build.MANY: BuildRun(7, 10, 200),
        build.SLOTH: BuildRun(2.0, 1.0, 60),
    }
    results = build.check_targets({**good, **changes})
    assert {result.target for result in results if not result.met} == missed


def test_a_format_costs_rules_series_and_bytes() -> None:
    rows = {name: counts for name, *counts in measure_formats(build.SPEC)}
    files, rules, series, size = rows["prometheus"]
    assert (files, rows["operator"][1]) == ("1", rules)
    assert 0 < int(series) < int(rules)
    assert int(size.replace(",", "")) > 1_000
    assert rows["grafana"][1] == "0"


def test_version_and_help_load_neither_specs_nor_yaml() -> None:
    code = (
        "import sys; from generator.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}"
        " & {'yaml', 'pydantic', 'promql_parser', 'jinja2'}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"
