"""Runner of generated unit tests: promtool, each test on the rules that it reads.

promtool evaluates every group of a rule file at every step of a test, and fails on a series
that is both input and recorded. So each test runs on a copy of its rule file. The copy holds
only the rules of the named groups that the checks read, directly or through other rules, without
the rules that record an input series. Rules that nothing reads take most of the time and change
no result.
"""

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
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ALERT_NAME = re.compile(r'alertname="((?:[^"\\]|\\.)*)"')

Groups = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ran:
    """Result of one test file.

    Attributes:
        path: the test file.
        failed: output of promtool for a failed test; empty for a test that passed.
    """

    path: Path
    failed: str


class CannotTestError(Exception):
    """Test file or its rule files cannot be read; the text gives the reason."""


def found_below(folder: Path) -> list[Path]:
    """Test files below a folder, in the order of their names."""
    return sorted(folder.rglob("*.yaml"))


def run(paths: Iterable[Path], promtool: str, *, jobs: int) -> Iterator[Ran]:
    """Run test files, `jobs` at a time; results come in the order of the files.

    Raises:
        CannotTestError: for a file that is not a test, or whose rules are missing.
    """
    groups = cache(groups_of)
    with TemporaryDirectory() as temporary, ThreadPoolExecutor(jobs) as pool:
        calls = [
            pool.submit(_run, path, _cut(path, groups, Path(temporary, str(number))), promtool)
            for number, path in enumerate(paths)
        ]
        for call in calls:
            yield call.result()


def _run(path: Path, copy: Path, promtool: str) -> Ran:
    done = subprocess.run(  # noqa: S603 - the program that the user named
        [promtool, "test", "rules", copy.name],
        cwd=copy.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(path, done.stdout + done.stderr if done.returncode else "")


def prepared(path: Path, groups: Groups) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read a test and the rule groups it needs, reduced to the rules that its checks read.

    Args:
        path: the test file.
        read_rule_groups: reads the groups of a rule file by name, such as `read_groups`.

    Raises:
        CannotTestError: for a file that is not a test, or whose rules are missing.
    """
    test = _read(path)
    try:
        names, files = test["group_eval_order"], test["rule_files"]
        every = {
            name: group for file in files for name, group in groups(path.parent / file).items()
        }
        fed = _fed(test)
        wanted = _read_by(test, [_without(every[name], fed) for name in names])
    except (KeyError, TypeError) as error:
        raise CannotTestError(f"{path}: no rule group {error}; run: slo-rules build") from error
    order = [group["name"] for group in wanted]
    return {**test, "rule_files": ["rules.yaml"], "group_eval_order": order}, wanted


def by_case(path: Path, groups: Groups) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Split a test into its cases, each with the rules that it needs; see `prepare_test`."""
    whole, kept = prepared(path, groups)
    for case in whole["tests"]:
        test = {**whole, "tests": [case]}
        wanted = _read_by(test, kept)
        yield {**test, "group_eval_order": [group["name"] for group in wanted]}, wanted


def _cut(path: Path, groups: Groups, folder: Path) -> Path:
    """Write a copy of a test and a rule file with only the rules it needs."""
    test, wanted = prepared(path, groups)
    folder.mkdir()
    (folder / "rules.yaml").write_text(yaml.dump({"groups": wanted}, Dumper=_DUMPER))
    copy = folder / "test.yaml"
    copy.write_text(yaml.dump(test, Dumper=_DUMPER))
    return copy


def _fed(test: dict[str, Any]) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Input series of a test, as metric and labels."""
    given = {series["series"] for case in test["tests"] for series in case["input_series"]}
    return {
        (series.partition("{")[0], frozenset(_LABEL.findall(series.partition("{")[2])))
        for series in given
    }


def _without(
    group: dict[str, Any], fed: set[tuple[str, frozenset[tuple[str, str]]]]
) -> dict[str, Any]:
    """Remove the rules of a group that record an input series."""

    def is_fed(rule: dict[str, Any]) -> bool:
        own = {(key, str(value)) for key, value in rule.get("labels", {}).items()}
        return any(metric == rule.get("record") and own <= labels for metric, labels in fed)

    return {**group, "rules": [rule for rule in group["rules"] if not is_fed(rule)]}


def _read_by(test: dict[str, Any], groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Remove the rules that no check reads, neither directly nor through another rule."""
    read, found = _checked(test), set[str]()
    while read != found:
        found = set(read)
        for group in groups:
            for rule in group["rules"]:
                if _made_by(rule) in found:
                    read |= set(_NAME.findall(rule["expr"]))
    kept = [
        {**group, "rules": [rule for rule in group["rules"] if _made_by(rule) in read]}
        for group in groups
    ]
    return [group for group in kept if group["rules"]]


def _checked(test: dict[str, Any]) -> set[str]:
    """Alerts and metrics that the checks of a test name."""
    read = set()
    for case in test["tests"]:
        read |= {check["alertname"] for check in case.get("alert_rule_test", ())}
        for check in case.get("promql_expr_test", ()):
            read |= set(_NAME.findall(check["expr"])) | set(_ALERT_NAME.findall(check["expr"]))
    return read


def _made_by(rule: dict[str, Any]) -> str:
    return str(rule.get("record") or rule.get("alert"))


def groups_of(path: Path) -> dict[str, Any]:
    """Read the groups of a rule file by name."""
    return {group["name"]: group for group in _read(path).get("groups", [])}


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506 - a safe loader
    except (OSError, yaml.YAMLError) as error:
        raise CannotTestError(f"cannot read {path}: {error}; run: slo-rules build") from error
    if not isinstance(document, dict) or not {"groups", "tests"} & set(document):
        message = f"{path} is not a test or a rule file; remove it, or run: slo-rules build"
        raise CannotTestError(message)
    return document
