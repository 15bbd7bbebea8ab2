"""Runner of generated unit tests: one call of promtool for each test file."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

# promtool runs on one processor, so that several do not wait for each other. Its heap is small,
# and to collect it less often saves a quarter of the time.
GO_SETTINGS = {"GOGC": "400", "GOMAXPROCS": "1"}
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class UnitTestResult:
    """Result of one test file.

    Attributes:
        path: the test file.
        failed: output of promtool for a failed test; empty for a test that passed.
    """

    path: Path
    failed: str


def run_tests(paths: Iterable[Path], promtool: str, *, jobs: int) -> Iterator[UnitTestResult]:
    """Run test files, `jobs` at a time; results come in the order of the files."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(partial(_run_promtool, promtool), paths)


def _run_promtool(promtool: str, path: Path) -> UnitTestResult:
    process = subprocess.run(  # noqa: S603 - the program that the user named
        [promtool, "test", "rules", path],
        env={**GO_SETTINGS, **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if not process.returncode:
        return UnitTestResult(path, "")
    missing = "".join(
        f"the rule file {name} is missing; run: slo-rules build\n"
        for name in _list_rule_files(path)
        if not (path.parent / name).exists()
    )
    return UnitTestResult(path, missing or process.stdout + process.stderr)


def _list_rule_files(path: Path) -> list[str]:
    """List the rule files of a test; none if it is no test, of which promtool tells more."""
    try:
        test = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        return [name for name in test["rule_files"] if not _PATTERN & set(name)]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return []
