"""`slo-rules push mimir` with a fake ruler."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from tests.generator.command_line import run_slo_rules
from tests.generator.fake_ruler import FakeRuler, serve_ruler
from tests.schema.specs import build_slo, build_spec, dump_yaml

NAMESPACE = "slo-shop"


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    folder = tmp_path / "slos"
    folder.mkdir()
    (folder / "shop.yaml").write_bytes(dump_yaml(build_spec()))
    return folder


@pytest.fixture
def ruler(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRuler]:
    for name in ("ADDRESS", "TENANT_ID", "API_USER", "API_KEY", "AUTH_TOKEN"):
        monkeypatch.delenv(f"MIMIR_{name}", raising=False)
    with serve_ruler(FakeRuler()) as found:
        yield found


def push(ruler: FakeRuler, specs: Path, *more: str) -> Result:
    return run_slo_rules("push", "mimir", specs, "--address", ruler.url, "--id", "team", *more)


def test_the_ruler_has_then_exactly_what_the_file_of_that_format_says(
    ruler: FakeRuler, specs: Path
) -> None:
    pushed = push(ruler, specs)
    assert pushed.exit_code == 0, pushed.output
    run_slo_rules("build", specs / "shop.yaml", "--format", "mimir", "-o", specs.parent / "out")
    document = yaml.safe_load((specs.parent / "out" / "shop.yaml").read_text())
    assert document["namespace"] == NAMESPACE
    assert list(ruler.groups["team"][NAMESPACE].values()) == document["groups"]


def test_a_second_push_changes_nothing(ruler: FakeRuler, specs: Path) -> None:
    push(ruler, specs)
    ruler.requests.clear()
    again = push(ruler, specs)
    assert (again.exit_code, "no changes" in again.output) == (0, True)
    assert [each.split()[0] for each in ruler.requests] == ["GET"]


def test_what_the_ruler_writes_differently_is_no_change(ruler: FakeRuler, specs: Path) -> None:
    push(ruler, specs)
    for group in ruler.groups["team"][NAMESPACE].values():
        group["interval"] = f"{group['interval']}0s" if group["interval"][-1] == "m" else "60s"
        for rule in group["rules"]:
            rule.setdefault("labels", {})
            rule.setdefault("for", "0s")
            rule["expr"] += "\n"
    assert "no changes" in push(ruler, specs).output


def test_only_the_groups_that_changed_are_sent(ruler: FakeRuler, specs: Path) -> None:
    push(ruler, specs)
    group = next(iter(ruler.groups["team"][NAMESPACE].values()))
    group["rules"][0]["expr"] = "vector(1)"
    told = push(ruler, specs)
    assert told.output.splitlines() == [f"changed {NAMESPACE}/{group['name']}"]
    assert "no changes" in push(ruler, specs).output


def test_groups_that_no_spec_makes_any_more_are_removed_last(ruler: FakeRuler, specs: Path) -> None:
    push(ruler, specs)
    (specs / "shop.yaml").write_bytes(dump_yaml(build_spec(build_slo(name="other"))))
    lines = push(ruler, specs).output.splitlines()
    acts = [line.split()[0] for line in lines]
    assert acts == sorted(acts), "added before removed"
    assert set(acts) == {"added", "removed"}
    assert all("other" in name for name in ruler.groups["team"][NAMESPACE])


def test_rules_of_others_are_left_alone_and_old_namespaces_until_pruned(
    ruler: FakeRuler, specs: Path
) -> None:
    group = {"name": "theirs", "rules": [{"record": "a", "expr": "1"}]}
    ruler.groups["team"] = {"theirs": {"theirs": group}, "slo-old": {"theirs": group}}
    ruler.groups["others"] = {"slo-old": {"theirs": group}}
    push(ruler, specs)
    assert set(ruler.groups["team"]) == {"theirs", "slo-old", NAMESPACE}
    push(ruler, specs, "--prune")
    assert set(ruler.groups["team"]) == {"theirs", NAMESPACE}
    assert ruler.groups["others"] == {"slo-old": {"theirs": group}}


def test_a_dry_run_sends_nothing_and_says_what_it_would_do(ruler: FakeRuler, specs: Path) -> None:
    told = push(ruler, specs, "--dry-run", "--json")
    assert told.exit_code == 1
    changes = json.loads(told.stdout)
    assert {(each["act"], each["namespace"]) for each in changes} == {("add", NAMESPACE)}
    assert {each.split()[0] for each in ruler.requests} == {"GET"}
    push(ruler, specs)
    assert push(ruler, specs, "--dry-run").exit_code == 0


def test_a_limit_half_way_says_how_far_it_came_and_what_to_do(
    ruler: FakeRuler, specs: Path
) -> None:
    ruler.max_groups = 2
    told = push(ruler, specs, "--json")
    assert told.exit_code == 1
    assert "per-user rule groups limit" in told.output
    assert told.output.count("hint: raise the tenant's limit") == 1
    assert len(json.loads(told.stdout)) == len(ruler.groups["team"][NAMESPACE]) == 2
    ruler.max_groups = 1000
    assert push(ruler, specs).exit_code == 0


def test_a_broken_spec_sends_nothing(ruler: FakeRuler, specs: Path) -> None:
    (specs / "shop.yaml").write_bytes(dump_yaml(build_spec(build_slo(objective=200))))
    told = push(ruler, specs)
    assert (told.exit_code, ruler.requests) == (1, [])
    assert "no rules uploaded; fix the errors above" in told.output


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({"MIMIR_API_USER": "ann", "MIMIR_API_KEY": "s3cret"}, "Basic YW5uOnMzY3JldA=="),
        ({"MIMIR_API_KEY": "s3cret"}, "Basic dGVhbTpzM2NyZXQ="),
        ({"MIMIR_AUTH_TOKEN": "s3cret"}, "Bearer s3cret"),
    ],
)
def test_credentials_come_from_the_environment_and_are_never_shown(
    ruler: FakeRuler,
    specs: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    header: str,
) -> None:
    ruler.required_authorization = header
    refused = push(ruler, specs)
    assert refused.exit_code == 1
    assert "hint: set MIMIR_API_KEY" in refused.output
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    told = push(ruler, specs)
    assert told.exit_code == 0, told.output
    assert "s3cret" not in told.output


def test_nobody_there_a_wrong_path_and_a_redirect_are_told_apart(
    ruler: FakeRuler, specs: Path
) -> None:
    nobody = run_slo_rules("push", "mimir", specs, "--address", "http://127.0.0.1:1")
    assert (nobody.exit_code, "Connection refused" in nobody.output) == (1, True)
    elsewhere = push(ruler, specs, "--prefix", "/api/prom")
    assert (elsewhere.exit_code, "--prefix" in elsewhere.output) == (1, True)
    ruler.redirect_url = "https://mimir.example/"
    moved = push(ruler, specs)
    assert (moved.exit_code, "redirects to https://mimir.example/" in moved.output) == (1, True)
    assert not ruler.groups
