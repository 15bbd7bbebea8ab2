"""Many mutants before the built tests, a few promtool runs for all of them."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from generator import promtool
from tests.generator.mutations import Mutation, Rule

_AT_ONCE = 16
_PASSED = re.compile(r"^Unit Testing: +(\S+)/test.yaml\n  SUCCESS$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trial:
    """A test, and the rules it needs.

    Attributes:
        cost: by which cheaper tests come first.
    """

    test: dict[str, Any]
    groups: list[dict[str, Any]]
    cost: int

    def reads(self, mutation: Mutation) -> bool:
        """Whether the rule that was changed is one of its rules."""
        return any(
            group["name"] == mutation.group and mutation.rule in group["rules"]
            for group in self.groups
        )

    def write(self, folder: Path, mutation: Mutation) -> None:
        """The test beside changed rules; JSON is YAML, and quickly written."""
        folder.mkdir(parents=True)
        groups = [
            {**group, "rules": [_changed(rule, mutation) for rule in group["rules"]]}
            if group["name"] == mutation.group
            else group
            for group in self.groups
        ]
        (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
        (folder / "test.yaml").write_text(json.dumps(self.test))


def trials(folder: Path) -> list[Trial]:
    """All tests of a folder, by case, so that a mutant meets only the cases it is about."""
    groups = cache(promtool.groups_of)
    return [
        Trial(test, kept, _cost(test, kept))
        for path in promtool.found_below(folder)
        for test, kept in promtool.by_case(path, groups)
    ]


def survivors(
    every: Sequence[Mutation], before: Sequence[Trial], program: str, folder: Path
) -> list[Mutation]:
    """The mutants that pass all tests; of each, the cheapest test first."""
    waiting = {
        number: iter(sorted((t for t in before if t.reads(one)), key=lambda trial: trial.cost))
        for number, one in enumerate(every)
    }
    acquitted, at = [], 0
    while waiting:
        calls = []
        for number in list(waiting):
            trial = next(waiting[number], None)
            if trial is None:
                acquitted.append(every[number])
                del waiting[number]
            else:
                trial.write(folder / str(at) / str(number), every[number])
                calls.append(number)
        passed = _passed(folder / str(at), calls, program)
        waiting = {number: rest for number, rest in waiting.items() if number in passed}
        at += 1
    return acquitted


def _passed(folder: Path, numbers: Sequence[int], program: str) -> set[int]:
    def run(some: Sequence[int]) -> Iterator[int]:
        done = subprocess.run(
            [program, "test", "rules", *(f"{number}/test.yaml" for number in some)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return map(int, _PASSED.findall(done.stdout))

    parts = [numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {number for found in pool.map(run, parts) for number in found}


def _changed(rule: Rule, mutation: Mutation) -> Rule:
    return mutation.changed if rule == mutation.rule else rule


def _cost(test: dict[str, Any], groups: list[dict[str, Any]]) -> int:
    """Rules times the samples of a series, near enough."""
    rules = sum(len(group["rules"]) for group in groups)
    written = [series["values"] for case in test["tests"] for series in case["input_series"]]
    lengths = [sum(int(times) + 1 for times in re.findall(r"x(\d+)", values)) for values in written]
    return rules * max(lengths, default=1)
