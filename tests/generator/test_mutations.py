"""Mutation tests: a small change of a built rule makes a generated test fail.

By default a few mutants of each alert and recording are tried, always the same ones; with
MUTATIONS=all every one is, which takes half an hour, and with another pattern those whose group or
description it matches. The expressions that count raw series read them in several places; there a
number, a range or a matcher is changed in all of these at once.
What each place is for is tried by `test_any_history`, on real histories.
"""

import os
import re
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from exporter.devstack.stack import find_binary
from tests.generator import mutation_runner
from tests.generator.command_line import run_slo_rules
from tests.generator.mutations import (
    EQUIVALENT_MUTATIONS,
    Mutation,
    find_reason,
    generate_mutations,
)
from tests.generator.promtool import read_groups

RULES = Path(__file__).parents[2] / "rules"
MUTATIONS = os.environ.get("MUTATIONS", "")
EVERY = bool(MUTATIONS)
PATTERN = re.compile("" if MUTATIONS == "all" else MUTATIONS)
# Of each alert and recording beside SLOs; of an SLO's alert; of what all SLOs record alike.
BESIDE, OF_ALERT, OF_SERIES = 2, 1, 3
_BESIDE = ("slo-alert-", "slo-recording-")


@pytest.fixture(scope="module")
def program() -> str:
    found = find_binary("promtool")
    assert found, "promtool is missing; run 'make tools'"
    return str(found)


def generate_all_mutations() -> Iterator[Mutation]:
    for path in sorted((RULES / "prometheus").glob("*.yaml")):
        yield from generate_mutations(read_groups(path))


def describe_rule(mutation: Mutation) -> str:
    """Mutations of which a sample is taken."""
    rule = mutation.rule
    if "alert" in rule:
        return f"{mutation.group} {rule['alert']}"
    own = sorted(rule.get("labels", {}).items())
    return f"{rule['record']} {own if mutation.group.startswith(_BESIDE) else ''}"


def choose_sample_size(mutation: Mutation) -> int:
    if mutation.group.startswith(_BESIDE):
        return BESIDE
    return OF_ALERT if "alert" in mutation.rule else OF_SERIES


def draw_sample(every: list[Mutation]) -> Iterator[Mutation]:
    """The same ones each time: as they come when shuffled by a checksum."""
    shuffled = sorted(
        every,
        key=lambda one: (describe_rule(one), zlib.crc32(f"{one.group} {one.description}".encode())),
    )
    for _, of_rule in groupby(shuffled, key=describe_rule):
        some = list(of_rule)
        yield from some if EVERY else some[: choose_sample_size(some[0])]


@pytest.mark.timeout(900)
def test_the_rules_as_built_pass_their_tests(program: str) -> None:
    result = run_slo_rules("test", RULES / "tests", "--promtool", program)
    assert result.exit_code == 0, result.output
    assert "0 failed" in result.output


@pytest.mark.timeout(7200 if EVERY else 900)
def test_a_broken_rule_fails_a_test(program: str, tmp_path: Path) -> None:
    tried = [
        one
        for one in draw_sample(
            [one for one in generate_all_mutations() if not find_reason(one.description)]
        )
        if PATTERN.search(f"{one.group}: {one.description}")
    ]
    assert len(tried) > (0 if PATTERN.pattern else 150)
    found = mutation_runner.find_survivors(
        tried, mutation_runner.read_tests(RULES / "tests"), program, tmp_path
    )
    told = [f"{each.group}: {each.description}" for each in found]
    assert not told, "\n".join(told)


def test_every_alert_and_recording_is_tried_or_excused() -> None:
    every = list(generate_all_mutations())
    tried = {describe_rule(one) for one in every if not find_reason(one.description)}
    assert {describe_rule(one) for one in every} == tried


@pytest.mark.parametrize("pattern", [*EQUIVALENT_MUTATIONS])
def test_every_excuse_is_for_some_mutant(pattern: str) -> None:
    assert any(
        find_reason(one.description) == EQUIVALENT_MUTATIONS[pattern]
        for one in generate_all_mutations()
    )
