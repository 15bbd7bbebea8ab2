"""`slo-rules check`: problems, and drift between specs and what was built."""

import json
from pathlib import Path

import pytest

from tests.generator.command_line import call, write_specs
from tests.generator.folders import snapshot, times
from tests.schema.specs import as_yaml, slo, spec


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `slos/` in it and `rules/` built from it."""
    monkeypatch.chdir(tmp_path)
    write_specs(tmp_path / "slos")
    assert call("build").exit_code == 0
    return tmp_path


def test_what_was_just_built_is_fine_and_stays_untouched(work: Path) -> None:
    before = times(work)
    result = call("check")
    assert result.exit_code == 0
    assert "2 SLOs" in result.stderr
    assert times(work) == before


def test_an_edit_by_hand_is_drift(work: Path) -> None:
    path = work / "rules" / "prometheus" / "shop.yaml"
    path.write_text(path.read_text().replace("0.001", "0.002", 1))
    before = snapshot(work)
    result = call("check")
    assert result.exit_code == 1
    assert "rules/prometheus/shop.yaml: differs from its spec" in result.stderr
    assert "slo-rules build" in result.stderr
    assert snapshot(work) == before


def test_a_missing_file_is_drift(work: Path) -> None:
    (work / "rules" / "operator" / "shop.yaml").unlink()
    result = call("check")
    assert result.exit_code == 1
    assert "rules/operator/shop.yaml: missing" in result.stderr


def test_a_left_over_file_is_drift(work: Path) -> None:
    (work / "slos" / "shop.yaml").unlink()
    result = call("check")
    assert result.exit_code == 1
    assert "rules/prometheus/shop.yaml: no spec makes it" in result.stderr


def test_a_changed_spec_is_drift(work: Path) -> None:
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(slo(objective=99.95))))
    assert "differs from its spec" in call("check").stderr


def test_a_file_of_somebody_else_is_no_drift(work: Path) -> None:
    (work / "rules" / "prometheus" / "mine.yaml").write_text("groups: []\n")
    assert call("check").exit_code == 0


def test_rules_never_built_are_drift_and_are_not_built_by_checking(work: Path) -> None:
    result = call("check", "-o", "elsewhere")
    assert result.exit_code == 1
    assert "elsewhere/prometheus/shop.yaml: missing" in result.stderr
    assert not (work / "elsewhere").exists()


def test_one_file_can_be_checked_as_well(work: Path) -> None:
    call("build", "-o", "all.yaml")
    assert call("check", "-o", "all.yaml").exit_code == 0
    (work / "all.yaml").write_text("edited")
    result = call("check", "-o", "all.yaml")
    assert result.exit_code == 1
    assert "all.yaml" in result.stderr


def test_with_a_dash_only_the_specs_are_checked(work: Path) -> None:
    (work / "rules" / "prometheus" / "shop.yaml").unlink()
    assert call("check", "-o", "-").exit_code == 0


def test_a_problem_in_a_spec_is_told_with_its_place(work: Path) -> None:
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(slo(objective=100))))
    result = call("check")
    assert result.exit_code == 1
    assert "slos/shop.yaml:5:3: error: slos[0].objective: 100 is out of reach" in result.stderr
    assert "hint: " in result.stderr


def test_json_of_a_fine_check_is_empty(work: Path) -> None:
    bank = slo(alerting={"name": "BankErrors"})
    for path, document in (
        (work / "slos" / "shop.yaml", spec(runbook_url_prefix="https://runbooks.example")),
        (
            work / "slos" / "team" / "bank.yml",
            spec(bank, service="bank", runbook_url_prefix="https://r"),
        ),
    ):
        path.write_bytes(as_yaml(document))
    call("build")
    result = call("check", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"problems": [], "drift": None}


def test_json_of_drift_names_every_file_by_what_happened_to_it(work: Path) -> None:
    prometheus = work / "rules" / "prometheus"
    (prometheus / "shop.yaml").write_text("edited")
    (work / "slos" / "team" / "bank.yml").unlink()
    (work / "slos" / "new.yaml").write_bytes(as_yaml(spec(service="new")))
    result = call("check", "--json")
    assert result.exit_code == 1
    drift = json.loads(result.stdout)["drift"]
    assert {"prometheus/new.yaml", "operator/new.yaml"} <= set(drift["added"])
    assert "prometheus/shop.yaml" in drift["changed"]
    removed = {
        name for name in drift["removed"] if not name.startswith(("tests/team/bank/", "runbooks/"))
    }
    assert removed == {"prometheus/team/bank.yaml", "operator/team/bank.yaml"}


def test_json_of_problems_has_file_line_column_severity_message_and_hint(work: Path) -> None:
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(slo(objective="ünsinn", nme=1))))
    (work / "slos" / "team" / "bank.yml").write_bytes(b"\xff\xfe\x00")
    result = call("check", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert len(found["problems"]) == 3
    first = found["problems"][0]
    assert first.keys() == {"file", "line", "column", "severity", "message", "hint", "check"}
    assert (first["file"], first["line"], first["column"]) == ("slos/shop.yaml", 5, 3)
    assert "ünsinn" in first["message"]
    assert {each["severity"] for each in found["problems"]} == {"error"}


def test_json_of_a_warning_alone_exits_with_0(work: Path) -> None:
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(slo(objective=50))))
    call("build")
    result = call("check", "--json")
    assert result.exit_code == 0
    assert {each["severity"] for each in json.loads(result.stdout)["problems"]} == {"warning"}


def test_an_output_folder_that_is_a_file_is_an_error(work: Path) -> None:
    (work / "file").write_text("mine")
    result = call("check", "-o", "file")
    assert result.exit_code == 1
    assert "file is a file" in result.stderr
