"""Output formats of other rule engines: the same groups and rules, and the differences."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slos.schema.promql import parse_query
from tests.generator.command_line import run_slo_rules, write_specs


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    write_specs(tmp_path / "slos")
    return tmp_path / "slos"


def build_format(specs: Path, format_: str, *more: str) -> dict[str, Any]:
    out = specs.parent / format_
    result = run_slo_rules("build", specs, "--format", format_, "-o", out, *more)
    assert result.exit_code == 0, result.output
    return {
        str(path.relative_to(out)): yaml.safe_load(path.read_text())
        for path in sorted(out.rglob("*.yaml"))
    }


def build_groups(specs: Path, engine: str = "prometheus", *options: str) -> dict[str, Any]:
    files = build_format(specs, "prometheus", "--engine", engine, *options)
    return {name: found["groups"] for name, found in files.items()}


def test_vmrules_hold_the_rules_for_victoria_metrics(specs: Path) -> None:
    objects, theirs = build_format(specs, "vmrule"), build_format(specs, "operator")
    assert objects.keys() == theirs.keys()
    assert objects.pop("kustomization.yaml") == theirs.pop("kustomization.yaml")
    for name, found in objects.items():
        assert found["apiVersion"] == "operator.victoriametrics.com/v1beta1"
        assert found["kind"] == "VMRule"
        assert found["spec"] == {"groups": build_groups(specs, "victoriametrics")[name]}
        assert theirs[name]["spec"] == {"groups": build_groups(specs)[name]}


def test_vmrules_carry_no_labels_of_a_stack_but_those_asked_for(specs: Path) -> None:
    own = {"app.kubernetes.io/managed-by": "slo-rules"}
    bare = build_format(specs, "vmrule")["shop.yaml"]["metadata"]
    assert bare == {"name": "slo-shop", "namespace": "prometheus", "labels": own}
    told = build_format(specs, "vmrule", "--object-label", "team=shop", "--namespace", "vm")
    assert told["shop.yaml"]["metadata"] == {
        "name": "slo-shop",
        "namespace": "vm",
        "labels": {**own, "team": "shop"},
    }


def test_every_group_for_thanos_asks_for_whole_answers(specs: Path) -> None:
    for name, found in build_format(specs, "thanos").items():
        for ours, plain in zip(found["groups"], build_groups(specs, "thanos")[name], strict=True):
            assert ours == {**plain, "partial_response_strategy": "abort"}


def test_files_for_mimir_name_their_namespace_one_for_each_spec(specs: Path) -> None:
    files = build_format(specs, "mimir")
    namespaces = [found.pop("namespace") for found in files.values()]
    assert namespaces[0] == "slo-shop"
    assert namespaces[1].startswith("slo-team-bank-")
    assert {name: found["groups"] for name, found in files.items()} == build_groups(specs)


def test_rules_of_all_engines_are_promql_of_the_same_names_and_alerts(specs: Path) -> None:
    """For VictoriaMetrics, annotations are without queries as well."""
    for engine, *options in (("thanos",), ("victoriametrics", "--no-annotation-queries")):
        plain = build_groups(specs, "prometheus", *options)
        for name, groups in build_groups(specs, engine).items():
            for group, other in zip(groups, plain[name], strict=True):
                for rule, same in zip(group["rules"], other["rules"], strict=True):
                    parse_query(rule["expr"])
                    assert {**rule, "expr": ""} == {**same, "expr": ""}


def test_series_of_the_period_are_never_older_than_an_instant_query_looks_back(
    specs: Path,
) -> None:
    """vmalert may evaluate at the end of an interval for its beginning, and 30 seconds late."""
    for engine, intervals in (("prometheus", {"4m"}), ("victoriametrics", {"2m"})):
        groups = [group for each in build_groups(specs, engine).values() for group in each]
        slow = {group["interval"] for group in groups if group["name"].startswith("slo-period-")}
        assert slow == intervals


def test_an_engine_is_chosen_for_files_with_rules_only(specs: Path) -> None:
    for options in ((), ("--format", "tests"), ("--format", "grafana")):
        result = run_slo_rules(
            "build", specs, "--engine", "victoriametrics", "-o", specs.parent / "out", *options
        )
        assert result.exit_code == 2
        assert "add --format with one of mimir, operator, prometheus" in result.output
    to_file = run_slo_rules("build", specs, "--engine", "thanos", "-o", specs.parent / "one.yaml")
    assert to_file.exit_code == 0, to_file.output
    assert " offset 1m" in (specs.parent / "one.yaml").read_text()


@pytest.mark.parametrize(
    ("engine", "fine", "coarse"),
    [
        ("prometheus", "[50s])", "[9m50s])"),
        # Another ruler may have recorded the same evaluation.
        ("thanos", "[50s] offset 1ms)", "[9m50s] offset 1ms)"),
        # A query may be evaluated half a minute before the time of its result.
        ("victoriametrics", "[30s] offset 1ms)", "[9m30s] offset 1ms)"),
    ],
)
def test_every_count_of_an_engine_is_left_out_if_it_was_recorded_within_the_step(
    specs: Path, engine: str, fine: str, coarse: str
) -> None:
    counts = [
        rule
        for groups in build_groups(specs, engine).values()
        for group in groups
        for rule in group["rules"]
        if rule.get("record", "").endswith((":sum1m", ":sum10m"))
    ]
    assert len(counts) % 4 == 0 < len(counts)
    for rule in counts:
        start = f'last_over_time({rule["record"]}{{sloth_id="{rule["labels"]["sloth_id"]}"}}'
        within = fine if rule["record"].endswith(":sum1m") else coarse
        assert rule["expr"].endswith(f")\nunless on ()\n{start}{within}")


def test_mimir_needs_no_higher_limit_than_its_page_says() -> None:
    root = Path(__file__).parents[2]
    assert (
        "| `-ruler.max-rules-per-rule-group` | 20 | about 25:"
        in (root / "docs" / "engines.md").read_text()
    )
    sizes = [
        len(group["rules"])
        for path in (root / "rules" / "prometheus").glob("*.yaml")
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    assert 20 < max(sizes) <= 25


def test_engines_are_built_on_request_only(specs: Path) -> None:
    out = specs.parent / "rules"
    assert run_slo_rules("build", specs, "-o", out).exit_code == 0
    made = {path.name for path in out.iterdir()}
    assert {"operator", "prometheus", "tests"} <= made
    assert not made & {"vmrule", "thanos", "mimir"}
