"""`slo-rules build`: where it writes to, what it says, and how it exits."""

from pathlib import Path

import click
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from generator.cli import main
from generator.outputs import formats
from tests.generator.command_line import call, write_specs
from tests.generator.folders import snapshot, times
from tests.schema.specs import as_yaml, slo, spec

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `slos/` in it."""
    monkeypatch.chdir(tmp_path)
    write_specs(tmp_path / "slos")
    return tmp_path


def files(folder: Path) -> set[str]:
    return {
        name
        for name, data in snapshot(folder).items()
        if data is not None and not name.startswith(".")
    }


def rule_files(folder: Path) -> set[str]:
    """Those of the formats that turn each spec into a file."""
    return {name for name in files(folder) if name.startswith(("prometheus/", "operator/"))}


@pytest.mark.parametrize("out", ["-", "all.yaml"])
def test_a_format_of_many_files_needs_a_folder(out: str) -> None:
    result = call("build", "--format", "tests", "-o", out)
    assert result.exit_code == 2
    assert "needs a folder" in result.stderr


def test_without_arguments_it_builds_slos_to_rules_in_every_format(work: Path) -> None:
    result = call("build")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert rule_files(work / "rules") == {
        "prometheus/shop.yaml",
        "prometheus/team/bank.yaml",
        "operator/shop.yaml",
        "operator/team/bank.yaml",
        "operator/kustomization.yaml",
    }
    usual = {name for name, format_ in formats().items() if not format_.ON_REQUEST}
    assert {path.name for path in (work / "rules").iterdir() if path.is_dir()} == usual
    tests = files(work / "rules" / "tests")
    assert {"shop/shop-requests-quick.yaml", "team/bank/bank-requests-slow.yaml"} <= tests
    assert "slo-overview.json" in files(work / "rules" / "grafana")


def test_one_format_goes_straight_into_the_folder(work: Path) -> None:
    assert call("build", "-o", "out", "--format", "prometheus").exit_code == 0
    assert files(work / "out") == {"shop.yaml", "team/bank.yaml"}
    assert call("build", "-o", "out", "--format", "operator").exit_code == 0
    assert files(work / "out") == {"shop.yaml", "team/bank.yaml", "kustomization.yaml"}


def test_a_second_build_changes_nothing(work: Path) -> None:
    call("build")
    before = times(work / "rules")
    result = call("build")
    assert result.exit_code == 0
    assert "nothing to change" in result.stderr
    assert times(work / "rules") == before


def test_a_spec_that_is_gone_takes_its_files_along(work: Path) -> None:
    call("build")
    (work / "slos" / "team" / "bank.yml").unlink()
    result = call("build")
    assert "removed rules/prometheus/team/bank.yaml" in result.stderr
    assert rule_files(work / "rules") == {
        "prometheus/shop.yaml",
        "operator/shop.yaml",
        "operator/kustomization.yaml",
    }
    assert not (work / "rules" / "operator" / "team").exists()
    assert not (work / "rules" / "tests" / "team").exists()


@pytest.mark.parametrize(
    "extra", [[], ["--format", "prometheus"], ["--format", "operator"], ["slos", "slos/shop.yaml"]]
)
def test_a_dash_gives_exactly_one_document_of_all_specs_on_stdout(
    work: Path, extra: list[str]
) -> None:
    before = snapshot(work)
    result = call("build", "-o", "-", *extra)
    assert result.exit_code == 0
    (document,) = yaml.safe_load_all(result.stdout)
    groups = document["spec"]["groups"] if "operator" in extra else document["groups"]
    services = {rule.get("labels", {}).get("sloth_service") for g in groups for rule in g["rules"]}
    assert services >= {"shop", "bank"}
    assert len({group["name"] for group in groups}) == len(groups)
    assert snapshot(work) == before


def test_a_yaml_name_gives_one_file_of_all_specs(work: Path) -> None:
    result = call("build", "-o", "out/all.yaml")
    assert result.exit_code == 0
    assert snapshot(work / "out").keys() == {"all.yaml"}
    on_stdout = call("build", "-o", "-").stdout
    assert yaml.safe_load((work / "out" / "all.yaml").read_text()) == yaml.safe_load(on_stdout)


def test_kubernetes_objects_carry_namespace_and_labels() -> None:
    document = yaml.safe_load(call("build", "-o", "-", "--format", "operator").stdout)
    assert document["kind"] == "PrometheusRule"
    assert document["apiVersion"] == "monitoring.coreos.com/v1"
    assert document["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    own = call(
        *("build", "-o", "-", "--format", "operator"),
        *("--namespace", "mon", "--object-label", "a=b", "--object-label", "example.org/c=d.e"),
    )
    metadata = yaml.safe_load(own.stdout)["metadata"]
    assert metadata["namespace"] == "mon"
    assert metadata["labels"] == {"a": "b", "example.org/c": "d.e"}


@pytest.mark.parametrize(
    "option",
    [
        *("--namespace=Bad_NS", "--namespace=a.b", f"--namespace={'a' * 64}"),
        *("--object-label=a", "--object-label=a b=c", "--object-label=a=b=c"),
        *("--object-label=/a=b", "--object-label=A/a=b", "--object-label=a=-"),
    ],
)
def test_what_no_cluster_would_take_is_a_matter_of_usage(work: Path, option: str) -> None:
    result = call("build", "--format", "vmrule", "-o", "out", option)
    assert (result.exit_code, option.partition("=")[0] in result.output) == (2, True)
    assert not (work / "out").exists()


def test_the_kustomization_lists_every_object(work: Path) -> None:
    call("build")
    text = (work / "rules" / "operator" / "kustomization.yaml").read_text()
    assert yaml.safe_load(text)["resources"] == ["shop.yaml", "team/bank.yaml"]


def test_the_kustomization_is_the_same_in_whatever_order_the_specs_are_named(work: Path) -> None:
    call("build", "slos/shop.yaml", "slos/team/bank.yml")
    before = snapshot(work / "rules")
    call("build", "slos/team/bank.yml", "slos/shop.yaml")
    assert snapshot(work / "rules") == before


def test_defaults_of_period_and_scrape_interval_can_be_given() -> None:
    text = call("build", "-o", "-", "--default-slo-period", "7d", "--scrape-interval", "15s").stdout
    assert "slo:sli_error:ratio_rate1w" in text
    assert "[1m15s]" in text


def test_a_warning_is_told_and_does_not_stop_the_build(work: Path) -> None:
    (work / "slos" / "low.yaml").write_bytes(as_yaml(spec(slo(objective=80), service="low")))
    result = call("build")
    assert result.exit_code == 0
    assert "slos/low.yaml:5:3: warning:" in result.stderr
    assert (work / "rules" / "prometheus" / "low.yaml").exists()


def test_unknown_keys_stop_a_build_unless_it_is_lenient(work: Path) -> None:
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(colour="red")))
    assert call("build", "-o", "-").exit_code == 1
    assert call("build", "-o", "-", "--lenient").exit_code == 0


@pytest.mark.parametrize(
    "args",
    [
        ["build", "--no-such-option"],
        ["build", "--format", "toml"],
        ["build", "--profile", "none"],
        ["build", "--default-slo-period", "soon"],
        ["build", "--object-label", "novalue"],
        ["build", "-o"],
        ["no-such-command"],
        ["check", "--format", "toml"],
    ],
)
def test_wrong_usage_exits_with_2_and_writes_nothing(work: Path, args: list[str]) -> None:
    result = call(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert snapshot(work).keys() == {"slos", "slos/shop.yaml", "slos/team", "slos/team/bank.yml"}


def test_off_a_terminal_there_are_no_colour_codes(work: Path) -> None:
    (work / "slos" / "low.yaml").write_bytes(as_yaml(spec(slo(objective=0, nme=1), service="l")))
    for command in ("build", "check"):
        assert "\x1b" not in call(command).output


@pytest.mark.parametrize("command", ["build", "check"])
def test_help_has_examples_and_names_the_command(command: str) -> None:
    for option in ("--help", "-h"):
        text = call(command, option).stdout
        assert "Examples:" in text
        assert f"slo-rules {command}" in text


def test_the_general_help_has_examples_and_lists_every_command() -> None:
    text = call("--help").stdout
    assert "Examples:" in text
    assert isinstance(main, click.Group)
    listed = main.list_commands(click.Context(main))
    assert {"build", "check"} <= set(listed)
    assert all(f"\n  {name} " in text for name in listed)


def test_hidden_files_and_mounted_config_maps_are_read_once(work: Path) -> None:
    mounted = work / "slos" / "..2024"
    mounted.mkdir()
    (mounted / "shop.yaml").write_bytes(as_yaml(spec()))
    (work / "slos" / ".hidden.yaml").write_bytes(b"not a spec")
    (work / "slos" / "README.md").write_bytes(b"not a spec")
    assert call("build").exit_code == 0


@settings(
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=80) | WORDS.map(str.encode))
@example(b"slos: [&a {sli: *a}]")
@example(b"{version: prometheus/v1, service: a, slos: [{}]}")
@example(b"? {a: b}\n: c\n")
@example(b"!!python/object/apply:os.system [true]")
@example(b"%YAML 9.9\n---\na")
@example(b"objective: .inf\nservice: .nan\nslos: 1:30:00\n")
def test_garbage_is_refused_and_never_a_traceback(work: Path, garbage: bytes) -> None:
    (work / "garbage.yaml").write_bytes(garbage)
    result = call("build", work / "garbage.yaml", "-o", "-")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error: " in result.stderr
