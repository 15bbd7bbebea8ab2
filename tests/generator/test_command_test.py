"""`slo-rules test` as a user calls it."""

import json
from pathlib import Path

import pytest

from exporter.live.binaries import find
from tests.generator.command_line import call, write_specs


@pytest.fixture
def built(tmp_path: Path) -> Path:
    write_specs(tmp_path / "slos")
    assert call("build", tmp_path / "slos", "-o", tmp_path / "rules").exit_code == 0
    return tmp_path / "rules"


@pytest.fixture(scope="module")
def promtool() -> str:
    found = find("promtool")
    assert found, "promtool is missing; run 'make tools'"
    return str(found)


def test_an_edited_rule_fails_its_test_and_only_that(built: Path, promtool: str) -> None:
    rules = built / "prometheus" / "shop.yaml"
    rules.write_text(rules.read_text().replace("vector(0.999)", "vector(0.99)"))
    one = built / "tests" / "shop" / "shop-requests-period.yaml"
    other = built / "tests" / "shop" / "shop-requests-counting.yaml"
    result = call("test", one, other, "--promtool", promtool)
    assert result.exit_code == 1
    assert f"{one}: failed" in result.output
    assert "slo:objective:ratio" in result.output
    assert "2 test files, 1 failed" in result.output


def test_json_names_every_file_and_what_failed(built: Path, promtool: str) -> None:
    folder = built / "tests" / "shop"
    for path in folder.glob("*[!g].yaml"):
        path.unlink()
    result = call("test", folder, "--promtool", promtool, "--json")
    assert result.exit_code == 0, result.output
    (only,) = json.loads(result.stdout)["tests"]
    assert only == {"file": str(folder / "shop-requests-counting.yaml"), "failed": ""}


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda rules: (rules / "prometheus" / "shop.yaml").unlink(), "run: slo-rules build"),
        (lambda rules: (rules / "tests" / "x.yaml").write_text("[a"), "cannot read"),
        (lambda rules: (rules / "tests" / "x.yaml").write_text("a: b"), "not a test"),
        (lambda rules: (rules / "tests" / "x.yaml").write_text("- a"), "not a test"),
    ],
)
def test_what_cannot_be_tested_is_an_error_that_says_what_to_do(
    built: Path, promtool: str, break_it: object, said: str
) -> None:
    assert callable(break_it)
    break_it(built)
    result = call("test", built / "tests", "--promtool", promtool)
    assert result.exit_code == 1
    assert said in result.output


def test_without_promtool_it_says_where_to_get_it(built: Path) -> None:
    result = call("test", built / "tests", "--promtool", "no-such-promtool")
    assert result.exit_code == 1
    assert "--promtool" in result.output


def test_without_tests_it_says_how_to_make_some(tmp_path: Path, promtool: str) -> None:
    result = call("test", tmp_path, "--promtool", promtool)
    assert result.exit_code == 1
    assert "slo-rules build" in result.output


def test_promtool_may_be_named_from_where_one_stands(
    built: Path, promtool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built)
    (built / "bin").mkdir()
    (built / "bin" / "promtool").symlink_to(Path(promtool).resolve())
    one = built / "tests" / "shop" / "shop-requests-counting.yaml"
    result = call("test", one, "--promtool", "bin/promtool")
    assert result.exit_code == 0, result.output
    missing = call("test", one, "--promtool", "bin/none")
    assert missing.exit_code == 1
    assert "there is no 'bin/none'" in missing.output
