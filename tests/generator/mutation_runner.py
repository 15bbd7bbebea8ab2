"""Mutation test runner: few promtool runs for many mutants.

SLOs are alike, and so are their mutants: what convicted one is the first to be tried on the next.
"""

import json
import os
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.generator.mutations import Mutation, Rule
from tests.generator.promtool import read_groups, read_yaml, select_rules

_BATCH_SIZE = 16
# Mutants that are tried before anything is learned from them.
_CHUNK_SIZE = 64
_SLO_SPECIFIC = re.compile(r' at \d+|"[^"]*"')
_PASSED = re.compile(r"^Unit Testing: +(\S+)/test.yaml\n  SUCCESS$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MutationTest:
    """A test, and the rules it needs.

    Attributes:
        kind: what it has in common with a test of another SLO.
        cost: by which cheaper tests come first.
    """

    kind: str
    test: dict[str, Any]
    groups: list[dict[str, Any]]
    cost: int

    def reads_mutated_rule(self, mutation: Mutation) -> bool:
        """Return whether it has the rule that was changed."""
        return any(
            group["name"] == mutation.group and mutation.rule in group["rules"]
            for group in self.groups
        )

    def write_mutant(self, folder: Path, mutation: Mutation) -> None:
        """The test beside changed rules; JSON is YAML, and quickly written."""
        folder.mkdir(parents=True)
        groups = [
            {**group, "rules": [_apply_mutation(rule, mutation) for rule in group["rules"]]}
            if group["name"] == mutation.group
            else group
            for group in self.groups
        ]
        (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
        (folder / "test.yaml").write_text(json.dumps(self.test))


def read_tests(folder: Path) -> list[MutationTest]:
    """All tests of a folder, by case, so that a mutant meets only the cases it is about."""
    return [
        MutationTest(
            f"{path.stem.rpartition('-')[2]} {number}",
            test,
            test_groups,
            _estimate_cost(test, test_groups),
        )
        for path in sorted(folder.rglob("*.yaml"))
        for number, (test, test_groups) in enumerate(_split_cases(path))
    ]


def _split_cases(path: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The cases of a test, each with the rules that its checks read."""
    whole = read_yaml(path)
    groups = read_groups(path.parent / whole["rule_files"][0])
    for case in whole["tests"]:
        needed = select_rules(groups, case)
        order = [group["name"] for group in needed]
        test = {**whole, "rule_files": ["rules.yaml"], "group_eval_order": order, "tests": [case]}
        yield test, needed


def find_survivors(
    mutations: Sequence[Mutation], tests: Sequence[MutationTest], program: str, folder: Path
) -> list[Mutation]:
    """The mutants that pass all tests; of each, the likeliest to fail and the cheapest first."""
    failures: dict[str, Counter[str]] = defaultdict(Counter)
    found = []
    for start in range(0, len(mutations), _CHUNK_SIZE):
        chunk = mutations[start : start + _CHUNK_SIZE]
        found += _find_chunk_survivors(
            chunk, tests, failures, lambda calls: _run_tests(folder, calls, program)
        )
    return found


def _find_chunk_survivors(
    chunk: Sequence[Mutation],
    tests: Sequence[MutationTest],
    failures: dict[str, Counter[str]],
    run_tests: Callable[[Mapping[int, tuple[MutationTest, Mutation]]], set[int]],
) -> list[Mutation]:
    """The survivors of some mutants; `failures` learns which tests failed for what."""
    waiting = {}
    for number, mutation in enumerate(chunk):
        known_failures = failures[_describe_mutation_kind(mutation)]
        queue = [trial for trial in tests if trial.reads_mutated_rule(mutation)]
        waiting[number] = sorted(queue, key=lambda each: (known_failures[each.kind], -each.cost))
    survivors = []
    while waiting:
        survivors += [chunk[number] for number, queue in waiting.items() if not queue]
        calls = {number: (queue.pop(), chunk[number]) for number, queue in waiting.items() if queue}
        passed_numbers = run_tests(calls)
        for number, (test, mutation) in calls.items():
            failures[_describe_mutation_kind(mutation)][test.kind] += number not in passed_numbers
        waiting = {number: waiting[number] for number in passed_numbers}
    return survivors


def _describe_mutation_kind(mutation: Mutation) -> str:
    """A mutant as it is for every SLO."""
    change = mutation.description.partition(": ")[2]
    return f"{mutation.rule.get('record', 'alert')} {_SLO_SPECIFIC.sub('', change)}"


def _run_tests(
    folder: Path, calls: Mapping[int, tuple[MutationTest, Mutation]], program: str
) -> set[int]:
    """Those of some calls, by number, of which the test succeeds."""

    def run_batch(some: Sequence[int]) -> list[int]:
        with TemporaryDirectory(dir=folder) as place:
            for number in some:
                trial, mutation = calls[number]
                trial.write_mutant(Path(place, str(number)), mutation)
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
    parts = [numbers[start : start + _BATCH_SIZE] for start in range(0, len(numbers), _BATCH_SIZE)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {number for found in pool.map(run_batch, parts) for number in found}


def _apply_mutation(rule: Rule, mutation: Mutation) -> Rule:
    return mutation.mutated_rule if rule == mutation.rule else rule


def _estimate_cost(test: dict[str, Any], groups: list[dict[str, Any]]) -> int:
    """Rules times the samples of a series, near enough."""
    rules = sum(len(group["rules"]) for group in groups)
    written = [series["values"] for case in test["tests"] for series in case["input_series"]]
    lengths = [sum(int(times) + 1 for times in re.findall(r"x(\d+)", values)) for values in written]
    return rules * max(lengths, default=1)
