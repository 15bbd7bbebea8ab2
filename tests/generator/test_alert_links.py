"""Links from alerts to dashboard panels."""

import json
import re
from functools import cache

import pytest
import yaml

from generator.model import AlertingRule
from generator.pipeline import BuildSettings
from generator.settings import RunSettings
from generator.slo.links import (
    _PANEL_BY_METRIC,
    ACCEPTED_PANEL,
    BURN_RATES_PANEL,
    CHECKS_PANEL,
    EVENTS_PANEL,
    FIRING_PANEL,
    RESULT_AGE_PANEL,
    SLI_PANEL,
    STAGES_PANEL,
    VERDICTS_PANEL,
    PanelRef,
    find_panel,
)
from slos.schema import contract
from tests.generator import dashboards
from tests.generator.spec_pipeline import build_plans

BOARDS = dashboards.build_repository_dashboards()
PROJECT = yaml.safe_load((dashboards.SLOS.parent / "slo-rules.yaml").read_text())
SETTINGS = BuildSettings(
    run_settings=RunSettings(links={"dashboard_url": PROJECT["dashboard_url"]})
)


def build_links(document: object, settings: BuildSettings | None = None) -> dict[str, str]:
    plans = build_plans(document, settings=settings)
    assert not plans.has_errors, plans.problems
    rules = [rule for plan in plans.plans for group in plan.groups for rule in group.rules]
    found = [rule for rule in rules if isinstance(rule, AlertingRule)]
    return {rule.alert: rule.annotations["dashboard_url"] for rule in found}


@cache
def build_repository_links() -> dict[str, str]:
    return {
        name: url
        for path in sorted(dashboards.SLOS.glob("*.yaml"))
        for name, url in build_links(path.read_bytes(), SETTINGS).items()
    }


def test_every_place_is_a_panel_and_draws_what_leads_there() -> None:
    for metric, place in _PANEL_BY_METRIC.items():
        drawn = [
            query.expr
            for query in dashboards.list_queries(BOARDS[place.board])
            if query.panel == place.panel_id
        ]
        assert any(metric in expr for expr in drawn), (metric, place)
    for place in (FIRING_PANEL, SLI_PANEL, BURN_RATES_PANEL, EVENTS_PANEL):
        assert place.panel_id in {
            panel["id"] for panel in dashboards.list_panels(BOARDS[place.board])
        }


def test_every_alert_of_this_repository_leads_to_a_panel_that_is_there() -> None:
    for name, url in build_repository_links().items():
        found = re.fullmatch(r"https://[\w.]+/d/([\w-]+)\?var-.*&viewPanel=(\d+)", url)
        assert found, (name, url)
        assert int(found[2]) in {panel["id"] for panel in dashboards.list_panels(BOARDS[found[1]])}


def test_an_alert_leads_to_the_panel_of_its_value_not_of_its_exclusions() -> None:
    checks, scenario = contract.CHECKS, contract.SCENARIO_COMPLETED
    assert find_panel(f"{checks} or up and on () {scenario}") == CHECKS_PANEL
    assert find_panel(f"up and on () {checks}") == CHECKS_PANEL
    assert find_panel(f"up unless on () {checks}") == FIRING_PANEL
    assert find_panel(f"time() - {scenario} unless on () {checks}") == RESULT_AGE_PANEL


@pytest.mark.parametrize(
    ("alert", "panel"),
    [
        ("AgentSRERaceCondition", CHECKS_PANEL),
        ("AgentSREDeadlock", CHECKS_PANEL),
        ("AgentSREAcceptedOutdated", ACCEPTED_PANEL),
        ("AgentSRESingleReplicaUnderLoad", VERDICTS_PANEL),
        ("AgentSREStageNeverObserved", STAGES_PANEL),
        ("AgentSREStageP95High", STAGES_PANEL),
    ],
)
def test_an_alert_of_this_repository_leads_to_what_it_is_about(alert: str, panel: PanelRef) -> None:
    url = build_repository_links()[alert]
    assert f"/d/{panel.board}?" in url
    assert url.endswith(f"viewPanel={panel.panel_id}")


def test_links_between_dashboards_lead_to_panels_that_are_there() -> None:
    found = [
        link
        for board in BOARDS.values()
        for link in re.findall(r"/d/([\w-]+)\?[^\"]*?(?:viewPanel=(\d+))?\"", _dump_board(board))
    ]
    assert found
    for uid, panel in found:
        ids = {str(each["id"]) for each in dashboards.list_panels(BOARDS[uid])}
        assert not panel or panel in ids


def _dump_board(board: dashboards.Board) -> str:
    return json.dumps(board)
