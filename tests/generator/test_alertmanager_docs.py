"""The examples in docs/alertmanager.md."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.generator.amtool import (
    BUILT,
    ROOT,
    check_config,
    find_receivers,
    read_expected_alerts,
    read_fragment,
    run_amtool,
)
from tests.generator.test_alertmanager_object import SPEC, build_object

PAGE = (ROOT / "docs" / "alertmanager.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def load_block(start: str) -> Any:  # noqa: ANN401 - YAML
    (text,) = [each for each in BLOCKS if each.startswith(start)]
    return yaml.safe_load(text)


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(load_block("templates:")))
    check_config(path)
    return path


def test_every_block_is_tried_here() -> None:
    assert sorted(text.split(":")[0] for text in BLOCKS) == [
        "alertmanager",
        "receivers",
        "templates",
    ]


def test_the_merged_configuration_keeps_alerts_of_ours_from_what_acts_on_them(
    merged: Path,
) -> None:
    for labels in read_expected_alerts().values():
        assert "prometheus-events" not in find_receivers(merged, labels)
    critical = {"alertname": "Other", "severity": "critical"}
    assert find_receivers(merged, critical) == ["pagerduty", "prometheus-events"]


def test_its_receivers_are_the_roles_there_are_but_the_one_it_leaves_out(merged: Path) -> None:
    named = {each["name"] for each in yaml.safe_load(merged.read_text())["receivers"]}
    roles = {each["name"] for each in read_fragment()["receivers"]}
    assert roles - named == {"slo-others"}


def test_the_commands_do_what_they_say(merged: Path) -> None:
    (command,) = re.findall(r"^    amtool (.+)$", PAGE, re.MULTILINE)
    arguments = [each.replace("alertmanager.yml", str(merged)) for each in shlex.split(command)]
    assert run_amtool(*arguments).stdout.strip() == "slo-page"
    (folder,) = re.findall(r"^    kubectl apply --server-side -k (.+)$", PAGE, re.MULTILINE)
    assert (ROOT / folder / "kustomization.yaml").exists()


def test_the_values_of_the_chart_name_the_config_map_that_is_generated() -> None:
    (generated,) = yaml.safe_load((BUILT / "kustomization.yaml").read_text())["configMapGenerator"]
    values = load_block("alertmanager:")["alertmanager"]
    assert values["alertmanagerSpec"]["configMaps"] == [generated["name"]]
    assert any(generated["name"] in path for path in values["config"]["templates"])


def test_the_receivers_of_the_object_are_valid() -> None:
    receivers = load_block("receivers:")["receivers"]
    found = build_object(SPEC, receivers=receivers)["spec"]["receivers"]
    assert {"name": "slo-page", **receivers["slo-page"]} in found


def test_the_matcher_for_the_owners_routes_is_the_one_that_is_built() -> None:
    (told,) = re.findall(r"`(sloth_service!~[^`]+)`", PAGE)
    assert f"#   {told}\n" in (BUILT / "alertmanagerconfig.yaml").read_text()


def test_every_file_of_the_folder_has_its_row() -> None:
    files = {str(path.relative_to(BUILT)) for path in BUILT.rglob("*") if path.is_file()}
    assert files == set(re.findall(r"^\| `([^`]+\.(?:ya?ml|tmpl))` \|", PAGE, re.MULTILINE))


def test_the_pace_of_each_role_is_that_of_the_tree() -> None:
    tree = read_fragment()["route"]["routes"][0]["routes"]
    pace = {
        each["receiver"]: (each["group_wait"], each["repeat_interval"])
        for each in tree
        if each["receiver"] != "null"
    }
    rows = re.findall(r"^\| `severity: \w+` \| `([\w-]+)` \| (\w+) \| (\w+) \|", PAGE, re.MULTILINE)
    assert {receiver: (wait, repeat) for receiver, wait, repeat in rows} == {
        receiver: pace[receiver] for receiver in ("slo-page", "slo-ticket", "slo-info")
    }
