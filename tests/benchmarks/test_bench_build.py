"""The benchmark of the generator: that it builds for real, and that a start loads little."""

import subprocess
import sys

import pytest

from tests.benchmarks import build
from tests.benchmarks.build import BuildRun


def test_every_spec_is_built_and_measured() -> None:
    run = build.measure_build(3)
    assert run.seconds > 0
    assert run.cpu > 0
    assert run.megabytes > 10


@pytest.mark.parametrize(
    ("thousand", "many", "start", "missed"),
    [
        (BuildRun(1.4, 1, 60), BuildRun(14, 1, 300), 0.1, set()),
        (BuildRun(1.6, 1, 60), BuildRun(16, 1, 300), 0.1, {"1,000 specs: under 1.5 s"}),
        (BuildRun(1.4, 1, 60), BuildRun(14, 1, 401), 0.1, {"10,000 specs: under 400 MB"}),
        (BuildRun(1.0, 1, 60), BuildRun(14, 1, 300), 0.1, {"10,000 specs: in linear time"}),
        (BuildRun(1.4, 1, 60), BuildRun(14, 1, 300), 0.2, {"--version: under 120 ms"}),
    ],
)
def test_a_target_that_is_missed_is_said(
    thousand: BuildRun, many: BuildRun, start: float, missed: set[str]
) -> None:
    results = build.check_targets({1_000: thousand, 10_000: many}, [start])
    assert {result.target for result in results if not result.met} == missed


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
