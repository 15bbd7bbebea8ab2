"""Sloth's flags mean on `slo-rules build` what they mean on `sloth generate`."""

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.generator.command_line import call, write_specs
from tests.schema.specs import as_yaml, spec


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `specs/shop.yaml` and `specs/team/bank.yml`, entered."""
    monkeypatch.chdir(tmp_path)
    write_specs(tmp_path / "specs")
    return tmp_path


def rules(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def built(*arguments: str, profile: str = "sloth") -> list[dict[str, Any]]:
    result = call("build", "--profile", profile, "-o", "-", *arguments)
    assert result.exit_code == 0, result.output
    return rules(result.stdout)


def services(found: list[dict[str, Any]]) -> set[str]:
    return {rule["labels"]["sloth_service"] for rule in found if "record" in rule}


@pytest.mark.usefixtures("work")
def test_a_file_goes_to_the_terminal_as_with_sloth() -> None:
    result = call("build", "--profile", "sloth", "-i", "specs/shop.yaml")
    assert services(rules(result.stdout)) == {"shop"}


def test_a_file_becomes_a_file_and_a_folder_a_folder_of_the_same_names(work: Path) -> None:
    assert call("build", "--profile", "sloth", "-i", "specs/shop.yaml", "-o", "one").exit_code == 0
    assert services(rules((work / "one").read_text())) == {"shop"}
    assert call("build", "--profile", "sloth", "--input", "specs", "--out", "all").exit_code == 0
    files = {path.relative_to(work / "all").as_posix() for path in (work / "all").rglob("*.y*ml")}
    assert files == {"shop.yaml", "team/bank.yml"}


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["-n", "team/"], {"bank"}),
        (["-n", "ba.k"], {"bank"}),
        (["-n", "^specs/shop"], {"shop"}),
        (["-e", "team"], {"shop"}),
        (["--fs-include", "yaml|yml", "--fs-exclude", "shop"], {"bank"}),
        (["-e", r"/[[:alpha:]]+\.yaml"], {"bank"}),
        (["-n", r"/\pL+\.yaml$"], {"shop"}),
        (["-n", r"\Q.yaml\E"], {"shop"}),
        (["-n", "(?U)sh.*p"], {"shop"}),
    ],
)
def test_patterns_are_found_anywhere_in_the_walked_path_and_exclusion_wins(
    arguments: list[str], left: set[str]
) -> None:
    assert services(built("-i", "specs", *arguments)) == left


@pytest.mark.usefixtures("work")
def test_a_file_that_is_named_is_read_whatever_the_patterns_say() -> None:
    assert services(built("-i", "specs/shop.yaml", "-e", "shop")) == {"shop"}


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    "arguments",
    [
        ["-e", "("],
        ["-n", "["],
        ["-n", "(?=a)"],
        ["-n", r"\Z"],
        ["-n", "[[:foo:]]"],
        ["-l", "novalue"],
        ["-l", "bad-name=x"],
        ["-s", "{"],
        ["-s", "[]"],
        ["-s", '{"config": {}}'],
        ["-s", '"x"'],
        ["-s", '{"id": "sloth.dev/core/noop/v1", "config": "{"}'],
        ["--default-slo-period", "x"],
        ["--slo-period-windows-path", "nowhere"],
        ["--plugins", "nowhere"],
    ],
)
def test_an_argument_that_cannot_be_read_is_a_usage_error(arguments: list[str]) -> None:
    result = call("build", "--profile", "sloth", "-i", "specs", *arguments)
    assert result.exit_code == 2
    assert "Error" in result.stderr


@pytest.mark.usefixtures("work")
def test_nothing_left_to_read_is_an_error() -> None:
    result = call("build", "--profile", "sloth", "-i", "specs", "-e", ".")
    assert result.exit_code == 1
    assert "no spec files" in result.stderr


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("profile", ["exact", "sloth"])
def test_recordings_and_alerts_can_be_left_out_in_every_profile(profile: str) -> None:
    arguments = ["-i", "specs/shop.yaml"]
    assert all(
        "alert" in rule for rule in built(*arguments, "--disable-recordings", profile=profile)
    )
    assert all("record" in rule for rule in built(*arguments, "--disable-alerts", profile=profile))


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("profile", ["exact", "sloth"])
def test_without_recordings_and_alerts_nothing_is_built(profile: str) -> None:
    arguments = ["-i", "specs/shop.yaml", "--profile", profile, "-o", "rules.yaml"]
    result = call("build", *arguments, "--disable-alerts", "--disable-recordings")
    assert result.exit_code == 1
    assert "nothing to build" in result.stderr
    assert not Path("rules.yaml").exists()


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("profile", ["exact", "sloth"])
def test_extra_labels_win_over_those_of_the_spec_in_every_profile(profile: str) -> None:
    Path("owned.yaml").write_bytes(as_yaml(spec(labels={"env": "dev", "owner": "me"})))
    found = built("-i", "owned.yaml", "-l", "env=prod", "-l", "url:a=b", profile=profile)
    (info,) = [rule for rule in found if rule.get("record") == "sloth_slo_info"]
    assert info["labels"]["env"] == "prod"
    assert info["labels"]["owner"] == "me"
    assert info["labels"]["url"] == "a=b"


@pytest.mark.usefixtures("work")
def test_a_plugin_of_the_run_works_on_every_slo() -> None:
    use = '{"id": "sloth.dev/contrib/info_labels/v1", "config": {"labels": {"a": "b"}}, "x": 1}'
    found = built("-i", "specs", "-s", use)
    infos = [rule for rule in found if rule.get("record") == "sloth_slo_info"]
    assert [rule["labels"]["a"] for rule in infos] == ["b", "b"]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    "use",
    [
        r'{"id": "sloth.dev/contrib/info_labels/v1", "config": "{\"labels\": {\"a\": \"b\"}}"}',
        '{"ID": "sloth.dev/contrib/info_labels/v1", "Config": {"labels": {"a": "b"}}}',
    ],
)
def test_a_plugin_of_the_run_is_written_as_in_the_help_of_sloth(use: str) -> None:
    found = built("-i", "specs", "-s", use, "-s", '{"id":"sloth.dev/core/noop/v1","config":"{}"}')
    infos = [rule for rule in found if rule.get("record") == "sloth_slo_info"]
    assert [rule["labels"]["a"] for rule in infos] == ["b", "b"]


@pytest.mark.usefixtures("work")
def test_a_file_whose_name_is_no_text_can_be_asked_about() -> None:
    with contextlib.suppress(OSError):  # not every file system has such names
        Path("specs", os.fsdecode(b"\xff.yaml")).write_bytes(b"")
    assert services(built("-i", "specs", "-n", "shop")) == {"shop"}


WINDOWS = """
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 14d
  page:
    quick: {errorBudgetPercent: 4, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 10, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 20, shortWindow: 2h, longWindow: 1d}
    slow: {errorBudgetPercent: 20, shortWindow: 6h, longWindow: 4d}
"""


@pytest.mark.parametrize("profile", ["exact", "sloth"])
def test_windows_from_files_are_those_of_their_period_in_every_profile(
    work: Path, profile: str
) -> None:
    (work / "w" / "deep").mkdir(parents=True)
    (work / "w" / "deep" / "14d.yml").write_text(WINDOWS)
    found = built(
        *["-i", "specs", "--slo-period-windows-path", "w", "--default-slo-period", "2w"],
        profile=profile,
    )
    assert "slo:sli_error:ratio_rate4d" in {rule.get("record") for rule in found}


@pytest.mark.usefixtures("work")
def test_in_the_sloth_profile_no_other_period_is_known_then() -> None:
    Path("w").mkdir()
    Path("w/14d.yaml").write_text(WINDOWS)
    arguments = ["-i", "specs", "--slo-period-windows-path", "w", "-o", "-"]
    result = call("build", "--profile", "sloth", *arguments)
    assert result.exit_code == 1
    assert "30d" in result.stderr
    assert call("build", *arguments).exit_code == 0


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (WINDOWS.replace("4,", "0,"), "w/a.yaml:7:"),
        (WINDOWS.replace("5m", "5x"), "w/a.yaml:7:"),
        (WINDOWS.replace("AlertWindows", "Windows"), "w/a.yaml:3:"),
        (WINDOWS.replace("sloPeriod: 14d", "period: 14d"), "sloPeriod"),
        (WINDOWS + "---" + WINDOWS.replace("20", "21"), "has other windows"),
        ("", "no windows"),
        ("a: [", "not YAML"),
    ],
)
def test_a_broken_file_of_windows_is_a_problem_at_its_line(broken: str, said: str) -> None:
    Path("w").mkdir()
    Path("w/a.yaml").write_text(broken)
    result = call("build", "--slo-period-windows-path", "w", "-i", "specs", "-o", "-")
    assert result.exit_code == 1
    assert said in result.stderr


@pytest.mark.usefixtures("work")
def test_a_folder_without_windows_is_a_problem() -> None:
    Path("w").mkdir()
    result = call("build", "--slo-period-windows-path", "w", "-i", "specs", "-o", "-")
    assert result.exit_code == 1
    assert "no alert windows" in result.stderr


def test_check_reads_the_same_flags(work: Path) -> None:
    arguments = ["--profile", "sloth", "-i", "specs", "-o", "out", "-n", "team"]
    assert call("build", *arguments).exit_code == 0
    assert call("check", *arguments).exit_code == 0
    (work / "out" / "team" / "bank.yml").write_text("x")
    assert call("check", *arguments).exit_code == 1


def test_files_that_sloth_wrote_are_replaced_and_those_of_people_are_not(work: Path) -> None:
    (work / "out").mkdir()
    written = work / "out" / "shop.yaml"
    written.write_text(
        "\n---\n# Code generated by Sloth (v0.16.0): https://github.com/slok/sloth.\n"
    )
    arguments = ["--profile", "sloth", "-i", "specs", "-o", "out"]
    assert call("build", *arguments).exit_code == 0
    assert services(rules(written.read_text())) == {"shop"}
    (work / "out" / ".slo-rules").unlink()
    written.write_text("# mine\n")
    assert call("build", *arguments).exit_code == 1
    assert written.read_text() == "# mine\n"
