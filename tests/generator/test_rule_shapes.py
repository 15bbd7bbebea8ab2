"""Rules that are built once for all SLOs of a shape: they are those of each SLO built alone.

A large run: `FUZZ_SEED=1000 FUZZ_COUNT=5000 pytest --timeout 0 -n0`, and this file.
"""

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from generator.files.processes import map_in_processes
from generator.model import SLO, Engine
from generator.rules.groups import build_groups, load_groups
from generator.rules.shapes import Shape
from generator.settings import RunSettings
from generator.slo.resolve import resolve_slos
from generator.text import yaml_writer
from slos.schema.loader import parse_specs
from tests.generator.spec_pipeline import resolve_document, resolve_single_slo
from tests.generator.spec_strategies import Json, specs
from tests.generator.test_query_fuzzer import list_slis
from tests.schema.specs import build_slo, build_spec, dump_quoted_yaml, dump_yaml

FIRST, COUNT = (int(os.environ.get(name, n)) for name, n in (("FUZZ_SEED", 0), ("FUZZ_COUNT", 4)))
ODD_LABELS = {"cluster": 'a"b', "text": "{{x}}", "line": "a\nb", "empty": "", "plain": "eu"}
ODD_QUERIES = [
    'sum(rate(hits{job="x", code=~"5.."}[{{.window}}]))',
    'sum(rate({__name__="hits"}[{{.window}}]))',
    'sum(rate({__name__ = "hits", a="b"}[{{.window}}]))',
    'sum(rate(label_replace(hits, "a", "$1=", "b", "c=")[{{.window}}:1m]))',
    'sum(rate(hits{a=\'b="c"\', d=`e="f"`}[{{.window}}])) # a="b"',
    'sum(rate(hits{a="é", b="☃ \\u2028", c="\\"", d="}", e="("}[{{.window}}]))',
    'sum by (job) (rate(hits{job="hits", instance!="hits"}[{{.window}}]))',
    'sum(rate(a:hits:b[{{.window}}])) > bool{a="b"} * 0',
    "sum(rate(start{}[{{.window}}] offset 5m)) + sum(rate(rate{}[{{.window}}]))",
    "sum(sum_over_time(hits{}[{{.window}}:{{.window}}]))",
]


def resolve_all(data: bytes, run_settings: RunSettings | None = None) -> list[SLO]:
    located, _ = parse_specs(data, "shop.yaml")
    return [slo for each in located for slo in resolve_slos(each, run_settings or RunSettings())[0]]


def check_groups(slo: SLO) -> None:
    """Compare the groups and the lines of their file, when they are read and when they are not."""
    alone = [replace(module.build_group(slo), slo=slo.id) for module in load_groups()]
    unread, read = list(build_groups(slo)), list(build_groups(slo))
    assert read == alone
    expected = render(alone)
    assert render(unread) == expected
    assert render([replace(group, rules=tuple(group.rules)) for group in read]) == expected


def render(groups: list[Any]) -> str:
    return "\n".join(yaml_writer.render_mapping({"spec": yaml_writer.map_groups(groups)}))


@settings(max_examples=15, deadline=None)
@given(specs())
def test_any_slo_has_the_rules_of_its_shape(document: Json) -> None:
    for slo in resolve_all(dump_quoted_yaml(document)):
        check_groups(slo)


@pytest.mark.parametrize("engine", Engine)
def test_any_query_is_kept_and_so_are_labels_that_need_quotes(engine: Engine) -> None:
    for seed in range(FIRST, FIRST + COUNT):
        run_settings = RunSettings(engine=engine, extra_labels=ODD_LABELS if seed % 2 else {})
        for sli in list_slis(seed):
            for slo in resolve_all(dump_yaml(build_spec(build_slo(sli=sli))), run_settings):
                check_groups(slo)


@pytest.mark.parametrize("query", ODD_QUERIES)
def test_strings_that_look_like_matchers_are_kept(query: str) -> None:
    for sli in (
        {"events": {"error_query": f"{query} > 0", "total_query": query}},
        {"raw": {"error_ratio_query": query}},
    ):
        slos, _ = resolve_document(build_spec(build_slo(sli=sli)))
        for slo in slos:
            check_groups(slo)


@pytest.mark.parametrize("name", ["Yes", "on", "My Alert", "a: b", "{{x", 'a"b', "é", "\x7f"])
def test_names_of_alerts_that_need_quotes_are_kept(name: str) -> None:
    check_groups(resolve_single_slo(alerting={"name": name, "labels": {"a": name.strip("{")}}))


def test_slos_that_differ_in_texts_only_have_one_shape() -> None:
    first, second = (
        resolve_single_slo(
            {"service": name, "labels": {"owner": f"team {name}"}},
            description=f'Of "{name}".',
            alerting={"name": f"{name}Errors"},
            sli={
                "events": {
                    "error_query": f'sum(rate({name}{{job="{name}",code="5"}}[{{{{.window}}}}]))',
                    "total_query": f"sum(rate({name}[{{{{.window}}}}]))",
                }
            },
        )
        for name in ("cart", "search")
    )
    assert Shape.from_slo(first).slo == Shape.from_slo(second).slo
    assert Shape.from_slo(first).texts != Shape.from_slo(second).texts
    check_groups(second)


def test_another_objective_or_label_is_another_shape() -> None:
    shapes = [
        Shape.from_slo(resolve_single_slo(**changes)).slo
        for changes in ({}, {"objective": 99}, {"labels": {"a": "b"}}, {"labels": {"a": '"'}})
    ]
    assert all(shapes.count(each) == 1 for each in shapes)


def test_rules_are_sent_to_another_process_with_their_texts() -> None:
    slo = resolve_single_slo()
    (sent,) = map_in_processes(lambda _: build_groups(slo), [0], 2)
    assert list(sent) == list(build_groups(slo))
