"""Many mutants before the built tests, a few promtool runs for all of them.

SLOs are alike, and so are their mutants: what convicted one is the first to be tried on the next.
"""

import json
import os
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from generator.clients import promtool
from tests.generator.mutations import Mutation, Rule

_AT_ONCE = 16
# Mutants that are tried before anything is learned from them.
_CHUNK = 64
_ITS_OWN = re.compile(r' at \d+|"[^"]*"')
_PASSED = re.compile(r"^Unit Testing: +(\S+)/test.yaml\n  SUCCESS$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trial:
    """A test, and the rules it needs.

    Attributes:
        kind: what it has in common with a test of another SLO.
        cost: by which cheaper tests come first.
    """

    kind: str
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
        Trial(f"{path.stem.rpartition('-')[2]} {number}", test, kept, _cost(test, kept))
        for path in promtool.found_below(folder)
        for number, (test, kept) in enumerate(promtool.by_case(path, groups))
    ]


def survivors(
    every: Sequence[Mutation], before: Sequence[Trial], program: str, folder: Path
) -> list[Mutation]:
    """The mutants that pass all tests; of each, the likeliest to fail and the cheapest first."""
    convicted: dict[str, Counter[str]] = defaultdict(Counter)
    found = []
    for start in range(0, len(every), _CHUNK):
        chunk = every[start : start + _CHUNK]
        found += _of_chunk(chunk, before, convicted, lambda calls: _passed(folder, calls, program))
    return found


def _of_chunk(
    chunk: Sequence[Mutation],
    before: Sequence[Trial],
    convicted: dict[str, Counter[str]],
    passed: Callable[[Mapping[int, tuple[Trial, Mutation]]], set[int]],
) -> list[Mutation]:
    """The survivors of some mutants; `convicted` learns which tests failed for what."""
    waiting = {}
    for number, one in enumerate(chunk):
        known = convicted[_like(one)]
        queue = [trial for trial in before if trial.reads(one)]
        waiting[number] = sorted(queue, key=lambda each: (known[each.kind], -each.cost))
    acquitted = []
    while waiting:
        acquitted += [chunk[number] for number, queue in waiting.items() if not queue]
        calls = {number: (queue.pop(), chunk[number]) for number, queue in waiting.items() if queue}
        still = passed(calls)
        for number, (trial, one) in calls.items():
            convicted[_like(one)][trial.kind] += number not in still
        waiting = {number: waiting[number] for number in still}
    return acquitted


def _like(mutation: Mutation) -> str:
    """A mutant as it is for every SLO."""
    change = mutation.what.partition(": ")[2]
    return f"{mutation.rule.get('record', 'alert')} {_ITS_OWN.sub('', change)}"


def _passed(folder: Path, calls: Mapping[int, tuple[Trial, Mutation]], program: str) -> set[int]:
    """Those of some calls, by number, of which the test succeeds."""

    def run(some: Sequence[int]) -> list[int]:
        with TemporaryDirectory(dir=folder) as place:
            for number in some:
                trial, mutation = calls[number]
                trial.write(Path(place, str(number)), mutation)
            done = subprocess.run(
                [program, "test", "rules", *(f"{number}/test.yaml" for number in some)],
                cwd=place,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        return [int(number) for number in _PASSED.findall(done.stdout)]

    numbers = list(calls)
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
