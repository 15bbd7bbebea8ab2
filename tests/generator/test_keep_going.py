"""`--keep-going`: the rules are those of the specs without what has errors."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.cli import main
from generator.model import SpecFile
from generator.partial_build import plan_partial_build
from generator.pipeline import BuildPlan, BuildSettings, plan_build
from generator.sli_plugins import SliPlugin
from tests.schema.specs import EVENTS, build_slo, build_spec
from tests.schema.test_standalone_alerts import build_alert

# Changes of an SLO; each is an error of another stage. The last two are none in the sloth profile.
ERRORS: tuple[dict[str, Any], ...] = (
    {"objektive": 1},
    {"objective": 0},
    {"sli": {"raw": {"error_ratio_query": "sum(rate(x[{{.window}}])"}}},
    {"sli": {"plugin": {"id": "nobody/wrote/this"}}},
    {"name": "slo-0"},
    {"alerting": {}},
    {"sli": {"events": {**EVENTS["events"], "error_query": "sum by (a) (rate(e[{{.window}}]))"}}},
    {"silence": [{"check": "no-such-check", "reason": "none"}]},
)


def build_document(service: str, errors: list[int | None], *, key: str = "") -> dict[str, Any]:
    """Spec of a good SLO and one SLO for each entry, where a number adds an error."""
    slos = [build_slo(name="slo-0", alerting={"name": f"{service}0"})] + [
        {
            **build_slo(name=f"slo-{n}", alerting={"name": f"{service}{n}"}),
            **(ERRORS[error] if error is not None else {}),
        }
        for n, error in enumerate(errors, 1)
    ]
    document = build_spec(*slos, service=service)
    return {**document, key: 1} if key else document


def keep_valid(document: dict[str, Any], errors: list[int | None]) -> dict[str, Any]:
    first, *others = document["slos"]
    kept = [slo for slo, error in zip(others, errors, strict=True) if error is None]
    return {**document, "slos": [first, *kept]}


def plan_documents(
    documents: list[dict[str, Any]], *, keep_going: bool, profile: str = "exact"
) -> BuildPlan:
    """Plan documents as two files."""
    files = (documents[::2], documents[1::2])
    sources = [
        SpecFile(f"{n}.yaml", PurePosixPath(f"{n}.yaml"), yaml.safe_dump_all(each).encode())
        for n, each in enumerate(files)
        if each
    ]
    plan = plan_partial_build if keep_going else plan_build
    return plan(sources, BuildSettings(profile=profile))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.lists(st.none() | st.integers(0, len(ERRORS) - 1), max_size=4), min_size=1, max_size=3
    ),
    st.sampled_from(["exact", "sloth"]),
)
def test_the_rules_are_those_of_the_specs_without_the_errors(
    errors: list[list[int | None]], profile: str
) -> None:
    last = len(ERRORS) - (3 if profile == "sloth" else 1)
    errors = [[None if error is None else min(error, last) for error in each] for each in errors]
    documents = [build_document(f"s{n}", each) for n, each in enumerate(errors)]
    valid = [keep_valid(*each) for each in zip(documents, errors, strict=True)]
    found = plan_documents(documents, keep_going=True, profile=profile)
    expected = plan_documents(valid, keep_going=False, profile=profile)
    assert not found.has_errors
    assert not expected.has_errors
    assert found.plans == expected.plans
    assert bool(found.left_out_errors) == any(
        error is not None for each in errors for error in each
    )
    first_errors = {str(each) for each in plan_documents(documents, keep_going=False).problems}
    assert {str(each) for each in found.left_out_errors} >= {
        text for text in first_errors if ": error: " in text and profile == "exact"
    }


def test_an_error_outside_the_entries_leaves_out_the_document_only() -> None:
    documents = [build_document("a", [], key="unknown")]
    documents += [build_document(service, []) for service in "bc"]
    found = plan_documents(documents, keep_going=True)
    assert [slo.id for slo in found.slos] == ["c-slo-0", "b-slo-0"]
    assert [problem.message for problem in found.left_out_errors] == ["unknown key 'unknown'"]


def test_a_standalone_alert_with_an_error_is_left_out() -> None:
    alerts = [build_alert(), build_alert(name="Other", query="sum(")]
    found = plan_documents([build_spec(alerts=alerts)], keep_going=True)
    expected = plan_documents([build_spec(alerts=alerts[:1])], keep_going=False)
    assert found.plans == expected.plans
    assert len(found.left_out_errors) == 1


def test_nothing_is_planned_if_nothing_is_right() -> None:
    found = plan_documents([build_spec(build_slo(objective=100))] * 2, keep_going=True)
    assert found.has_errors
    assert not found.left_out_errors


def test_a_file_without_anything_right_is_left_out() -> None:
    wrong = build_spec(build_slo(objective=100))
    found = plan_documents([wrong, build_document("b", [])], keep_going=True)
    assert [plan.sources for plan in found.plans] == [("1.yaml",)]
    assert len(found.left_out_errors) == 1


def test_two_files_with_one_output_leave_out_the_second() -> None:
    data = [yaml.safe_dump(build_document(name, [])).encode() for name in "ab"]
    sources = [
        SpecFile(name, PurePosixPath(name), each)
        for name, each in zip(("a.json", "a.yaml"), data, strict=True)
    ]
    found = plan_partial_build(sources, BuildSettings())
    assert [plan.sources for plan in found.plans] == [("a.json",)]


@pytest.mark.parametrize("option", ["argument", "-i"])
def test_standard_input_is_a_spec(option: str) -> None:
    data = yaml.safe_dump(build_document("shop", [])).encode()
    arguments = ["-"] if option == "argument" else ["-i", "-"]
    for command in ("build", "check"):
        result = CliRunner().invoke(main, [command, *arguments, "-o", "-"], input=data)
        assert result.exit_code == 0, result.output
    result = CliRunner().invoke(main, ["build", *arguments, "-o", "-"], input=b"version: 1")
    assert result.exit_code == 1
    assert result.stderr.startswith("<stdin>:1:1: error: ")


def test_an_slo_whose_plugin_fails_is_left_out() -> None:
    def write_query(_: object, __: object, options: Mapping[str, str]) -> str:
        return f"sum(rate(errors_total[{{{{.window}}}}])) / {int(options['limit'])}"

    plugin = SliPlugin("acme/limit", "acme.py", write_query)
    slos = [
        build_slo(
            name=limit,
            sli={"plugin": {"id": "acme/limit", "options": {"limit": limit}}},
            alerting={"name": f"Alert{limit}"},
        )
        for limit in ("1", "none", "2")
    ]
    data = yaml.safe_dump(build_spec(*slos)).encode()
    source = SpecFile("a.yaml", PurePosixPath("a.yaml"), data)
    found = plan_partial_build([source], BuildSettings(sli_plugins={plugin.id: plugin}))
    assert [slo.id for slo in found.slos] == ["shop-1", "shop-2"]
    (problem,) = found.left_out_errors
    assert problem.position.file == "a.yaml"
    assert problem.message.startswith("plugin failed: ValueError: ")
