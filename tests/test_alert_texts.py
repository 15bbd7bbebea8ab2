"""Alert texts: each gives the value, the threshold and a first step."""

import re
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.outputs.tests.promtool_file import expand_annotations

ROOT = Path(__file__).parents[1]
RULES = [
    rule
    for file in sorted((ROOT / "rules" / "prometheus").glob("*.yaml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_numbers_and_links_that_work_anywhere(rule: dict[str, Any]) -> None:
    texts = rule["annotations"]
    assert re.search(r"\d|\{\{ \$value", texts["description"])
    if not rule["alert"].endswith("NoData"):  # what is not there has no value
        assert "$value" in texts["summary"] + texts["description"]
    for link in ("runbook_url", "dashboard_url"):
        assert re.match(r"https://[\w.-]+/", texts[link])


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_a_text_is_well_spaced_without_the_labels_that_it_asks_for(rule: dict[str, Any]) -> None:
    texts = {name: rule["annotations"][name] for name in ("summary", "description")}
    used = set(re.findall(r"\$labels\.(\w+)", str(texts)))
    asked_for = sorted(set(re.findall(r"\{\{ if \$labels\.(\w+)", str(texts))))
    for size in range(len(asked_for) + 1):
        for missing in combinations(asked_for, size):
            labels = dict.fromkeys(used - set(missing), "x")
            filled = expand_annotations(texts, labels, Decimal(1))
            for text in filled.values() if filled else ():
                assert not re.search(r"  | [,.:]|^ | $", text), text


def test_no_text_of_a_built_test_is_badly_spaced() -> None:
    pattern = re.compile(r'^ +(?:summary|description): "(.*)"$', re.MULTILINE)
    files = sorted((ROOT / "rules" / "tests").rglob("*.yaml"))
    texts = [text for file in files for text in pattern.findall(file.read_text())]
    assert len(texts) > len(ALERTS)
    assert [text for text in texts if re.search(r"  | [,.:]|^ | $", text)] == []


def test_no_rule_tells_our_series_apart_by_a_label_that_a_scrape_sets() -> None:
    for rule in RULES:
        for labels in re.findall(r"\b(?:by|without|on) \(([^)]*)\)", rule["expr"]):
            # These name the target of a new counter; its process counts, whoever scrapes it.
            if labels != "job, instance":
                assert "instance" not in re.split(r"\W+", labels)
        for matchers in re.findall(r"agent_sre_validation_\w+\{([^}]*)\}", rule["expr"]):
            others = matchers.replace('instance!=""', "")
            assert not re.search(r"\b(instance|pod|job|namespace)\b", others)
