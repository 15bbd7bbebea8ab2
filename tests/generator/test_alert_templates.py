"""Templates in labels and annotations: what Prometheus cannot read never reaches a file."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.live.binaries import find
from tests.generator.command_line import call
from tests.generator.promtool import check_rules
from tests.generator.resolved import rules_of
from tests.schema.specs import as_yaml, slo, spec
from tests.schema.test_go_template import BAD, GOOD

# Prometheus 2.42 reads this; we would rather not.
STRICTER = {"{{ print | }}", "{{ " + "(" * 5000 + ")" * 5000 + " }}"}
LITERAL = {"a": "{{ foo }}", "b": "a {{", "c": "}} {{{{ {{ if }}"}
ALERT = {
    "name": "Plain",
    "severity": "info",
    "summary": "s",
    "description": "d",
    "query": "up",
    "below": 1,
    "example": [{"series": "up", "times": 1}],
    "labels": {"own": "{{ $value }}"},
}


def test_promtool_agrees_on_every_template(tmp_path: Path) -> None:
    texts = [*GOOD, *(text for text in BAD if text not in STRICTER)]
    rules = [
        {"alert": f"A{number}", "expr": "up", "annotations": {"a": text}}
        for number, text in enumerate(texts)
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    promtool = find("promtool")
    assert promtool
    done = subprocess.run(
        [promtool, "check", "rules", path], capture_output=True, text=True, check=False
    )
    refused = {int(number) for number in re.findall(r'"A(\d+)": annotation', done.stderr)}
    assert refused == set(range(len(GOOD), len(texts)))


@pytest.mark.parametrize("profile", ["exact", "sloth"])
@pytest.mark.parametrize("text", ["{{ if }}", '{{ define "x" }}', "{{ $y }}", "{{ foo }}", "a {{"])
@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_a_broken_template_on_an_alert_is_a_problem_in_every_profile(
    tmp_path: Path, profile: str, text: str, where: str
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(as_yaml(spec(slo(alerting={"name": "A", where: {"a": text}}))))
    result = call("build", path, "--profile", profile, "-o", tmp_path / "out.yaml")
    assert result.exit_code == 1
    assert "spec.yaml:" in result.stderr
    assert "Prometheus would refuse the file" in result.stderr
    assert "hint: " in result.stderr
    assert not (tmp_path / "out.yaml").exists()


@pytest.mark.parametrize("key", ["runbook_url_prefix", "dashboard_url"])
def test_links_are_annotations_and_so_templates(tmp_path: Path, key: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(as_yaml(spec(**{key: "https://x.example/{{ y }}"})))
    result = call("build", path, "-o", "-")
    assert result.exit_code == 1
    assert "names y" in result.stderr


@pytest.mark.parametrize("profile", ["exact", "sloth"])
def test_labels_of_series_are_text_whatever_they_hold(tmp_path: Path, profile: str) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
    path.write_bytes(as_yaml(spec(slo(labels=LITERAL), labels={"d": "{{"}, alerts=[ALERT])))
    result = call("build", path, "--profile", profile, "-o", out, "-l", "e={{ x }}")
    assert result.exit_code == 0, result.stderr
    assert "SUCCESS" in check_rules(out)
    groups = yaml.safe_load(out.read_text())["groups"]
    (info,) = [
        rule
        for group in groups
        for rule in group["rules"]
        if rule.get("record") == "sloth_slo_info"
    ]
    assert LITERAL.items() <= info["labels"].items()
    assert (info["labels"]["d"], info["labels"]["e"]) == ("{{", "{{ x }}")


def test_on_alerts_they_are_escaped_and_templates_of_alerts_are_not() -> None:
    alerting = {"name": "A", "absent_alert": {"labels": {"own": "{{ $value }}"}}}
    document = spec(
        slo(labels={"a": "{{ x"}, alerting=alerting), labels={"d": "{{"}, alerts=[ALERT]
    )
    labels: dict[str, Any] = {
        rule.alert: rule.labels for rule in rules_of(document) if hasattr(rule, "alert")
    }
    assert labels["ANoData"]["a"] == '{{ "{{" }} x'
    assert labels["ANoData"]["own"] == "{{ $value }}"
    assert labels["Plain"]["d"] == '{{ "{{" }}'
    assert labels["Plain"]["own"] == "{{ $value }}"


def test_the_unit_tests_know_what_becomes_of_escaped_labels(tmp_path: Path) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "rules"
    alert = {**ALERT, "labels": {}}
    document = spec(slo(labels={"a": "{{ x }}"}), labels={"d": "{{"}, alerts=[alert])
    path.write_bytes(as_yaml(document))
    assert call("build", path, "-o", out).exit_code == 0
    promtool = find("promtool")
    assert promtool
    result = call("test", out / "tests", "--promtool", promtool)
    assert result.exit_code == 0, result.output
