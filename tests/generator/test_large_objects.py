"""Kubernetes objects stay below what kubectl and the operator take; large ones are split by SLO."""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.model import Plan, RecordingRule, RuleGroup, RuleObjectMeta, SpecPlan
from generator.outputs import OutputSettings
from generator.pipeline import BuildSettings, render_file, render_folder
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_slo, build_spec, dump_yaml

LIMIT = 200 * 1024
SETTINGS = BuildSettings(output=OutputSettings())


def measure_go_json(value: object) -> int:
    """Bytes of a value as Go's encoder writes it, by which kubectl keeps what it applied."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for escaped, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(escaped, code)
    return len(text.encode())


def render_objects(plan: Plan, format_: str = "operator") -> dict[str, list[dict[str, Any]]]:
    """Objects by file."""
    files = {str(each.path): each.text for each in render_folder([plan], format_, SETTINGS)}
    assert all(len(text.encode()) <= LIMIT + 500 for text in files.values())
    return {name: list(yaml.safe_load_all(text)) for name, text in files.items()}


def list_slos(found: dict[str, Any]) -> list[str]:
    return [rule["labels"]["slo"] for group in found["spec"]["groups"] for rule in group["rules"]]


def build_plan(slos: Sequence[tuple[int, int, str]], meta: RuleObjectMeta | None = None) -> Plan:
    """Plan of SLOs, each with a number of groups that hold a text a number of times."""
    groups = [
        RuleGroup(
            f"slo-{number}-{part}",
            None,
            (RecordingRule("slo:a:b", text * times, {"slo": str(number)}),),
            f"shop-{number}",
        )
        for number, (parts, times, text) in enumerate(slos)
        for part in range(parts)
    ]
    return Plan(PurePosixPath("team/big.yaml"), ("big",), (SpecPlan(tuple(groups), meta),))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.integers(1, 3000),
            st.sampled_from(["abcd", "<>&", "a > b\n", "größer", '"\\']),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["operator", "vmrule"]),
)
def test_parts_are_within_the_limit_and_together_hold_every_slo_once(
    slos: list[tuple[int, int, str]], format_: str
) -> None:
    plan = build_plan(slos)
    files = render_objects(plan, format_)
    (kustomization,) = files.pop("kustomization.yaml")
    assert kustomization["resources"] == sorted(files)
    objects = [found for documents in files.values() for found in documents]
    assert all(measure_go_json(found) <= LIMIT for found in objects)
    assert len({found["metadata"]["name"] for found in objects}) == len(objects)
    groups = [group["name"] for found in objects for group in found["spec"]["groups"]]
    assert groups == [group.name for group in plan.groups]
    slos_of_objects = [slo for found in objects for slo in set(list_slos(found))]
    assert len(slos_of_objects) == len(set(slos_of_objects))


def test_the_parts_of_an_object_have_its_metadata_and_names_that_no_other_object_has() -> None:
    meta = RuleObjectMeta("shop", "web", {"team": "web"}, {"note": "n" * 100_000})
    files = render_objects(build_plan([(1, 20_000, "abcd")] * 3, meta))
    assert [
        (name, found["metadata"]["name"]) for name in sorted(files)[1:] for found in files[name]
    ] == [("team/big.2.yaml", "shop.2"), ("team/big.3.yaml", "shop.3"), ("team/big.yaml", "shop")]
    for name in sorted(files)[1:]:
        (found,) = files[name]
        assert found["metadata"] == {
            "name": found["metadata"]["name"],
            "namespace": "web",
            "labels": {
                "app.kubernetes.io/managed-by": "slo-rules",
                "prometheus": "kube-prometheus-stack",
                "release": "kube-prometheus-stack",
                "role": "alert-rules",
                "team": "web",
            },
            "annotations": {"note": "n" * 100_000},
        }


def test_one_output_file_has_the_parts_as_documents() -> None:
    plan = build_plan([(1, 30_000, "abcd")] * 3)
    artifact = render_file([plan], "operator", SETTINGS, path=PurePosixPath("out.yaml"))
    names = [found["metadata"]["name"] for found in yaml.safe_load_all(artifact.text)]
    assert names == ["slo-out", "slo-out.2", "slo-out.3"]


def test_an_slo_is_in_one_object_however_large_it_is() -> None:
    plan = build_plan([(1, 10, "a"), (3, 30_000, "abcd"), (1, 10, "a")])
    files = {str(each.path): each.text for each in render_folder([plan], "operator", SETTINGS)}
    objects = [yaml.safe_load(files[f"team/big{n}.yaml"]) for n in ("", ".2", ".3")]
    assert [set(list_slos(found)) for found in objects] == [{"0"}, {"1"}, {"2"}]


@pytest.mark.parametrize("profile", ["exact", "sloth"])
def test_a_spec_of_many_slos_becomes_several_objects_and_a_smaller_one_fewer(
    tmp_path: Path, profile: str
) -> None:
    spec, out = tmp_path / "slos" / "big.yaml", tmp_path / "out"
    spec.parent.mkdir()
    names: dict[int, list[str]] = {}
    for count in (60, 2):
        slos = [build_slo(name=f"slo-{n}", alerting={"name": f"Alert{n}"}) for n in range(count)]
        spec.write_bytes(dump_yaml(build_spec(*slos)))
        built = run_slo_rules(
            "build", spec.parent, "--profile", profile, "--format", "operator", "-o", out
        )
        assert built.exit_code == 0, built.output
        names[count] = sorted(path.name for path in out.glob("big*.yaml"))
    assert names[60][:2] == ["big.2.yaml", "big.3.yaml"]
    assert names[2] == ["big.yaml"]
