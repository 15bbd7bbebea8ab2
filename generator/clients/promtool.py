"""Calls of promtool: unit tests of rules, and TSDB blocks of OpenMetrics text."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

# One of the ranges to which Prometheus compacts blocks, also with a retention of 15 days.
_BLOCK_RANGE = "18h"
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
    """List the rule files of a test; none if the file is no test, whose error promtool reports."""
    try:
        test = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        return [name for name in test["rule_files"] if not _PATTERN & set(name)]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return []


class BlockError(Exception):
    """Blocks that could not be made; the text has the reason."""


def write_blocks(lines: Iterable[str], folder: Path, promtool: str) -> int:
    """Make blocks in a folder that does not exist; return their number.

    Raises:
        BlockError: promtool failed, or the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backfill-", dir=folder.parent) as temporary:
            text, blocks = Path(temporary, "samples.om"), Path(temporary, "blocks")
            with text.open("w", encoding="utf-8") as file:
                file.writelines(lines)
                file.write("# EOF\n")
            blocks.mkdir()
            process = subprocess.run(  # noqa: S603 - the program that the user named
                [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet",
                 f"--max-block-duration={_BLOCK_RANGE}", text, blocks],
                capture_output=True,
                text=True,
                check=False,
            )  # fmt: skip
            if process.returncode:
                raise BlockError(f"promtool made no blocks: {process.stderr.strip()}")
            blocks.replace(folder)
    except OSError as error:
        raise BlockError(f"{folder} cannot be written: {error.strerror}") from error
    return len(list(folder.iterdir()))
