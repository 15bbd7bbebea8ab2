"""Runbook pages of this repository: one for each alert, with valid links."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import names
from slos.schema import contract, promql
from tests.generator.markdown_page import MarkdownPage, parse_page

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "rules" / "runbooks"
RULES = [
    rule
    for file in sorted((ROOT / "rules" / "prometheus").glob("*.yaml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
PAGES = {path.name: parse_page(path.read_text()) for path in sorted(FOLDER.glob("*.md"))}
OF_ALERTS = {name: page for name, page in PAGES.items() if name != "README.md"}
EXPORTED = {
    value
    for name, value in vars(contract).items()
    if isinstance(value, str) and value.startswith(contract.PREFIX) and name != "PREFIX"
}
# What Prometheus, the cluster and its exporters have.
OTHERS = re.compile(
    r"ALERTS|up|prometheus_\w+|kube_\w+|container_\w+|node_timex_\w+|autoscaler_\w+|kn_\w+"
)
SECTIONS = [
    "## Meaning",
    "## Query",
    "## First steps",
    "## Causes",
    "## Mitigation",
    "## Silence",
    "## Escalation",
    "## Team notes",
]
CHECKS_OF_ANY_SERVICE = (
    "1. Check which other alerts of the service fire",
    "1. Find the time at which the graph",
)
MOST_LINES = 120


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert ALERTS
    assert {names.name_runbook_page(rule["alert"]) for rule in ALERTS} == set(OF_ALERTS)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_the_runbook_of_an_alert_leads_to_its_page(rule: dict[str, Any]) -> None:
    base, _, file = rule["annotations"]["runbook_url"].partition("/blob/main/")
    assert base.startswith("https://github.com/")
    page = ROOT / file
    assert page.parent == FOLDER
    assert f"\n# {rule['alert']}\n" in page.read_text()


RESPONDERS = {
    name: who
    for name, severity, who in re.findall(
        r"^\| \[\w+\]\(([\w-]+\.md)\) \| (\w+) \| ([^|]+) \|",
        (FOLDER / "README.md").read_text(),
        re.MULTILINE,
    )
    if severity in ("warning", "info")
}


@pytest.mark.parametrize("name", RESPONDERS)
def test_a_ticket_escalates_to_its_responder(name: str) -> None:
    """A path in front of agent-sre has an owner of its own, who is named as well."""
    text = (FOLDER / name).read_text()
    escalation = text.partition("\n## Escalation\n")[2].partition("\n## ")[0]
    assert RESPONDERS[name] in escalation


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_a_page_links_to_the_dashboard_of_its_alert_without_a_template(
    rule: dict[str, Any],
) -> None:
    page = (FOLDER / names.name_runbook_page(rule["alert"])).read_text()
    (url,) = re.findall(r"\[Dashboard\]\((\S+)\)", page)
    linked = rule["annotations"]["dashboard_url"]
    assert "{" not in url
    assert linked == url if "{{" not in linked else linked.startswith(url.partition("&")[0])


@pytest.mark.parametrize("page", OF_ALERTS.values(), ids=OF_ALERTS)
def test_a_page_has_every_section_and_none_is_empty(page: MarkdownPage) -> None:
    assert page.headings[1:] == SECTIONS
    for before, after in zip(SECTIONS, [*SECTIONS[1:], None], strict=True):
        start = page.lines.index(before) + 1
        end = page.lines.index(after) if after else len(page.lines)
        assert any(line.strip() for line in page.lines[start:end]), f"{before} is empty"


@pytest.mark.parametrize("page", OF_ALERTS.values(), ids=OF_ALERTS)
def test_a_page_is_short_and_begins_with_one_query_and_three_steps(
    page: MarkdownPage,
) -> None:
    text = (FOLDER / names.name_runbook_page(page.headings[0].removeprefix("# "))).read_text()
    assert text.count("\n") <= MOST_LINES
    query, steps = _cut_section(text, "## Query"), _cut_section(text, "## First steps")
    assert query.count("```promql") == 1
    assert 1 <= len(re.findall(r"(?m)^1\. ", steps)) <= 3


def _cut_section(text: str, heading: str) -> str:
    return text.partition(f"\n{heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_links_lead_to_files_that_exist_or_out_of_the_folder(page: MarkdownPage) -> None:
    for link in page.links:
        if "://" not in link:
            target, _, anchor = link.partition("#")
            assert (FOLDER / target).is_file(), link
            assert not anchor


@pytest.mark.parametrize("page", OF_ALERTS.values(), ids=OF_ALERTS)
def test_every_query_of_a_page_reads_what_is_there(page: MarkdownPage) -> None:
    assert page.queries
    assert page.graph_queries
    for query in [*page.queries, *page.graph_queries]:
        for selector in promql.list_selectors(query):
            for metric in re.findall(r"^[A-Za-z_:][\w:]*", selector):
                assert _is_known_metric(metric), f"{metric} in {query}"


def _is_known_metric(metric: str) -> bool:
    own = re.sub(r"_(bucket|sum|count)$", "", metric)
    return bool({metric, own} & (RECORDED | EXPORTED) or OTHERS.fullmatch(metric))


@pytest.mark.parametrize("page", OF_ALERTS.values(), ids=OF_ALERTS)
def test_every_graph_of_how_bad_asks_what_is_shown_beside_it(page: MarkdownPage) -> None:
    shown = [" ".join(query.split()) for query in page.queries]
    for query in page.graph_queries:
        assert " ".join(query.split()) in shown


@pytest.mark.parametrize("page", OF_ALERTS.values(), ids=OF_ALERTS)
def test_no_command_has_a_hole(page: MarkdownPage) -> None:
    for command in page.list_code("sh"):
        assert "{{" not in command
        assert command.strip() == command


@pytest.mark.parametrize("page", OF_ALERTS.values(), ids=OF_ALERTS)
def test_who_changes_what_flux_applies_is_told_that_it_takes_that_back(page: MarkdownPage) -> None:
    changing = [
        text
        for text in page.list_code("sh")
        if re.search(r" patch (ksvc|lambdaagent) | scale deploy", text)
    ]
    assert not changing or any("Flux" in line for line in page.lines)


def test_every_page_has_a_check_of_its_spec() -> None:
    """An alert without checks in its spec has only those that any service has."""
    bare = [
        name
        for name, page in OF_ALERTS.items()
        if not name.endswith("-no-data.md") and not _list_spec_checks(page)
    ]
    assert bare == []


def _list_spec_checks(page: MarkdownPage) -> list[str]:
    start, end = page.lines.index("## First steps"), page.lines.index("## Causes")
    steps = [line for line in page.lines[start:end] if line.startswith("1. ")]
    return [step for step in steps if not step.startswith(CHECKS_OF_ANY_SERVICE)]


# Texts with a first step for each of several cases, and one about a call of the receiver.
NO_FIRST_STEP = ("AgentSREAcceptedOutdated", "AgentSREValidationWatchdog")


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_names_the_first_step_of_its_page(rule: dict[str, Any]) -> None:
    if rule["alert"] in NO_FIRST_STEP:
        return
    page = OF_ALERTS[names.name_runbook_page(rule["alert"])]
    step = _list_spec_checks(page)[0].removeprefix("1. ").lower()
    told = rule["annotations"]["description"].rpartition(" First ")[2]
    assert re.findall(r"\w+", told)[:3] == re.findall(r"\w+", step)[:3]


def test_the_index_names_every_page_once() -> None:
    assert sorted(PAGES["README.md"].links) == sorted(OF_ALERTS)


@pytest.mark.parametrize("page", OF_ALERTS.values(), ids=OF_ALERTS)
def test_alerts_that_a_page_names_exist(page: MarkdownPage) -> None:
    known = {rule["alert"] for rule in ALERTS}
    text = "\n".join([*page.lines, *page.list_code("sh")])
    assert set(re.findall(r"\b(?:AgentSRE|SLOProbe|SLORules)\w+", text)) <= known
