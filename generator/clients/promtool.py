"""Runner of generated unit tests: promtool, each test on the rules that it reads.

promtool evaluates every group of a rule file at every step of a test, and fails on a series
that is both input and recorded. So each test runs on a copy of its rule file. The copy holds
only the rules of the named groups that the checks read, directly or through other rules, without
the rules that record an input series. Rules that nothing reads take most of the time and change
no result.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# promtool's heap is small, and to collect it less often saves a quarter of the time.
_GARBAGE_COLLECTION = "400"
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ALERT_NAME = re.compile(r'alertname="((?:[^"\\]|\\.)*)"')

GroupReader = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class UnitTestResult:
    """Result of one test file.

    Attributes:
        path: the test file.
        failed: output of promtool for a failed test; empty for a test that passed.
    """

    path: Path
    failed: str


class CannotTestError(Exception):
    """Test file or its rule files cannot be read; the text gives the reason."""


def list_test_files(folder: Path) -> list[Path]:
    """Test files below a folder, in the order of their names."""
    return sorted(folder.rglob("*.yaml"))


def run_tests(paths: Iterable[Path], promtool: str, *, jobs: int) -> Iterator[UnitTestResult]:
    """Run test files, `jobs` at a time; results come in the order of the files.

    Raises:
        CannotTestError: for a file that is not a test, or whose rules are missing.
    """
    read_cached_groups = cache(read_groups)
    with TemporaryDirectory() as temporary, ThreadPoolExecutor(jobs) as pool:
        calls = [
            pool.submit(
                _run_promtool,
                path,
                _write_minimal_test(path, read_cached_groups, Path(temporary, str(number))),
                promtool,
            )
            for number, path in enumerate(paths)
        ]
        for call in calls:
            yield call.result()


def _run_promtool(path: Path, copy: Path, promtool: str) -> UnitTestResult:
    process = subprocess.run(  # noqa: S603 - the program that the user named
        [promtool, "test", "rules", copy.name],
        cwd=copy.parent,
        env={"GOGC": _GARBAGE_COLLECTION, **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    return UnitTestResult(path, process.stdout + process.stderr if process.returncode else "")


def prepare_test(
    path: Path, read_rule_groups: GroupReader
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read a test and the rule groups it needs, reduced to the rules that its checks read.

    Args:
        path: the test file.
        read_rule_groups: reads the groups of a rule file by name, such as `read_groups`.

    Raises:
        CannotTestError: for a file that is not a test, or whose rules are missing.
    """
    test = _read_yaml(path)
    try:
        names, files = test["group_eval_order"], test["rule_files"]
        all_groups = {
            name: group
            for file in files
            for name, group in read_rule_groups(path.parent / file).items()
        }
        input_series = _list_input_series(test)
        needed_groups = select_read_groups(
            test, [_remove_input_rules(all_groups[name], input_series) for name in names]
        )
    except (KeyError, TypeError) as error:
        raise CannotTestError(f"{path}: no rule group {error}; run: slo-rules build") from error
    order = [group["name"] for group in needed_groups]
    return {**test, "rule_files": ["rules.yaml"], "group_eval_order": order}, needed_groups


def split_cases(
    path: Path, read_rule_groups: GroupReader
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Split a test into its cases, each with the rules that it needs; see `prepare_test`."""
    prepared_test, all_groups = prepare_test(path, read_rule_groups)
    for case in prepared_test["tests"]:
        test = {**prepared_test, "tests": [case]}
        needed_groups = select_read_groups(test, all_groups)
        yield (
            {**test, "group_eval_order": [group["name"] for group in needed_groups]},
            needed_groups,
        )


def select_read_groups(test: dict[str, Any], groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Remove the rules that no check reads, neither directly nor through another rule."""
    read_names, known_names = _list_checked_names(test), set[str]()
    while read_names != known_names:
        known_names = set(read_names)
        for group in groups:
            for rule in group["rules"]:
                if _get_result_name(rule) in known_names:
                    read_names |= set(_NAME.findall(rule["expr"]))
    reduced_groups = [
        {
            **group,
            "rules": [rule for rule in group["rules"] if _get_result_name(rule) in read_names],
        }
        for group in groups
    ]
    return [group for group in reduced_groups if group["rules"]]


def _write_minimal_test(path: Path, read_rule_groups: GroupReader, folder: Path) -> Path:
    """Write a copy of a test and a rule file with only the rules it needs."""
    test, needed_groups = prepare_test(path, read_rule_groups)
    folder.mkdir()
    (folder / "rules.yaml").write_text(yaml.dump({"groups": needed_groups}, Dumper=_DUMPER))
    copy = folder / "test.yaml"
    copy.write_text(yaml.dump(test, Dumper=_DUMPER))
    return copy


def _list_input_series(test: dict[str, Any]) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Input series of a test, as metric and labels."""
    selectors = {series["series"] for case in test["tests"] for series in case["input_series"]}
    return {
        (series.partition("{")[0], frozenset(_LABEL.findall(series.partition("{")[2])))
        for series in selectors
    }


def _remove_input_rules(
    group: dict[str, Any], input_series: set[tuple[str, frozenset[tuple[str, str]]]]
) -> dict[str, Any]:
    """Remove the rules of a group that record an input series."""

    def is_input(rule: dict[str, Any]) -> bool:
        own = {(key, str(value)) for key, value in rule.get("labels", {}).items()}
        return any(
            metric == rule.get("record") and own <= labels for metric, labels in input_series
        )

    return {**group, "rules": [rule for rule in group["rules"] if not is_input(rule)]}


def _list_checked_names(test: dict[str, Any]) -> set[str]:
    """Alerts and metrics that the checks of a test name."""
    checked_names = set()
    for case in test["tests"]:
        checked_names |= {check["alertname"] for check in case.get("alert_rule_test", ())}
        for check in case.get("promql_expr_test", ()):
            checked_names |= set(_NAME.findall(check["expr"])) | set(
                _ALERT_NAME.findall(check["expr"])
            )
    return checked_names


def _get_result_name(rule: dict[str, Any]) -> str:
    return str(rule.get("record") or rule.get("alert"))


def read_groups(path: Path) -> dict[str, Any]:
    """Read the groups of a rule file by name."""
    return {group["name"]: group for group in _read_yaml(path).get("groups", [])}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506 - a safe loader
    except (OSError, yaml.YAMLError) as error:
        raise CannotTestError(f"cannot read {path}: {error}; run: slo-rules build") from error
    if not isinstance(document, dict) or not {"groups", "tests"} & set(document):
        message = f"{path} is not a test or a rule file; remove it, or run: slo-rules build"
        raise CannotTestError(message)
    return document
