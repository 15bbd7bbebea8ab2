"""Report formats of `slo-rules check`."""

import json
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from generator import lint
from generator.reports import Report, load_reports, sarif
from slos.schema.problem import Position, Problem, ProblemSeverity

LEVELS = {"none", "note", "warning", "error"}


def check_keys(
    given: dict[str, Any], *, required: set[str], optional: AbstractSet[str] = frozenset()
) -> None:
    assert required <= set(given) <= required | optional, given


def check_message(given: dict[str, Any], *, markdown: bool = False) -> None:
    check_keys(given, required={"text"}, optional={"markdown"} if markdown else set())
    assert all(isinstance(text, str) and text for text in given.values())


def check_uri(given: str, *, absolute: bool | None = None) -> None:
    """RFC 3986, as `format: uri` and `format: uri-reference` ask."""
    assert given.isascii()
    assert not set(given) & set(' <>"{}|\\^`')
    if absolute is not None:
        assert bool(urlsplit(given).scheme) is absolute


def check_sarif(document: dict[str, Any]) -> None:
    """Requirements of the JSON schema of SARIF 2.1.0 for the parts that are used here."""
    check_keys(document, required={"version", "runs"}, optional={"$schema"})
    assert document["version"] == "2.1.0"
    for run in document["runs"]:
        check_keys(run, required={"tool", "results"})
        driver = run["tool"]["driver"]
        check_keys(driver, required={"name", "rules"})
        for rule in driver["rules"]:
            texts = {"shortDescription", "fullDescription", "help"}
            check_keys(rule, required={"id", "helpUri", *texts})
            for text in texts:
                check_message(rule[text], markdown=True)
            check_uri(rule["helpUri"], absolute=True)
        known = [rule["id"] for rule in driver["rules"]]
        assert len(known) == len(set(known))
        for result in run["results"]:
            check_result(result, known)


def check_result(result: dict[str, Any], known: list[str]) -> None:
    check_keys(result, required={"message", "level", "locations"}, optional={"ruleId"})
    check_message(result["message"])
    assert result["level"] in LEVELS
    assert result.get("ruleId") in {None, *known}
    for location in result["locations"]:
        check_keys(location, required={"physicalLocation"})
        place = location["physicalLocation"]
        check_keys(place, required={"artifactLocation"}, optional={"region"})
        check_keys(place["artifactLocation"], required={"uri"})
        check_uri(place["artifactLocation"]["uri"])
        region = place.get("region", {"startLine": 1, "startColumn": 1})
        assert all(isinstance(number, int) and number >= 1 for number in region.values())


def test_sarif_is_as_its_schema_says_whatever_was_found() -> None:
    every = [
        Problem(Position("slos/ü b%.yaml", 3, 0), "odd", "mend it", severity, check)
        for check in [*lint.load_checks(), "unused-silence", ""]
        for severity in ProblemSeverity
    ]
    drift = {"added": ["a b.yaml"], "changed": ["b#1.yaml"], "removed": [], "same": 3}
    document = json.loads(sarif.render_report(Report(every, drift, "rules")))
    check_sarif(document)
    uris = [
        unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for result in document["runs"][0]["results"]
    ]
    assert {*uris} == {"slos/ü b%.yaml", "rules/a b.yaml", "rules/b#1.yaml"}


@pytest.mark.parametrize("check", lint.load_checks())
def test_every_check_describes_itself(check: str) -> None:
    told = sarif.render_report(Report([Problem(Position("a", 1, 1), "odd", check=check)]))
    (rule,) = json.loads(told)["runs"][0]["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"] != rule["fullDescription"]["text"]
    assert rule["helpUri"].endswith(f"/docs/checks/{check}.md")


def test_json_has_facts_only_where_a_prometheus_was_asked() -> None:
    facts = [{"slo": "a", "series": {"up": 1}, "samples": 3, "types": {"up": "gauge"}}]
    text = load_reports()["json"].render_report
    assert "facts" not in json.loads(text(Report([])))
    assert json.loads(text(Report([], facts=facts)))["facts"] == facts
