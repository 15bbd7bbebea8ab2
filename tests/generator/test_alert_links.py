"""From an alert to the panel that shows what it is about."""

import json
import re

import pytest

from generator import panels
from generator.defaults import Defaults
from generator.model import AlertingRule
from generator.panels import Place
from generator.pipeline import Settings
from tests.generator import boards
from tests.generator.resolved import planned
from tests.schema.specs import slo, spec
from tests.schema.test_plain_alerts import alert

OURS = "https://g.example/d/slo-detail"
SLO = slo(
    sli={"latency": {"metric": "wait_seconds", "threshold": "1s", "by": ["zone"]}},
    alerting={"name": "Slow", "threshold_alerts": [{"name": "Late", "above": "5%", "over": "1h"}]},
)
BOARDS = boards.ours()


def links(document: object, settings: Settings | None = None) -> dict[str, str]:
    plans = planned(document, settings=settings)
    assert not plans.broken, plans.problems
    rules = [rule for plan in plans.plans for group in plan.groups for rule in group.rules]
    found = [rule for rule in rules if isinstance(rule, AlertingRule)]
    return {rule.alert: rule.annotations["dashboard_url"] for rule in found}


def test_an_alert_of_an_slo_leads_to_its_panel_with_slo_and_group_chosen() -> None:
    group = "var-zone={{ $labels.zone }}"
    slo_ = f"{OURS}?var-slo=shop-requests"
    assert links(spec(SLO, dashboard_url=OURS)) == {
        "Slow": f"{slo_}&{group}&viewPanel={panels.BURN_RATES.panel}",
        "SlowTicket": f"{slo_}&{group}&viewPanel={panels.BURN_RATES.panel}",
        "Late": f"{slo_}&{group}&viewPanel={panels.SLI.panel}",
        # What is not there has no group.
        "SlowNoData": f"{slo_}&viewPanel={panels.EVENTS.panel}",
    }


def test_the_run_is_chosen_as_well() -> None:
    run = Settings(defaults=Defaults(extra_labels={"cluster": "a b"}))
    found = links(spec(dashboard_url=OURS), run)
    assert all(
        "?var-slo=shop-requests&var-cluster=a%20b&viewPanel=" in url for url in found.values()
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://g.example/d/other", "https://g.example/d/other?var-slo=shop-requests"),
        ("https://g.example/d/other?orgId=2", "https://g.example/d/other?orgId=2&var-slo=shop-requests"),
        ("https://g.example/d/slo-detailed", "https://g.example/d/slo-detailed?var-slo=shop-requests"),
    ],
)  # fmt: skip
def test_a_dashboard_of_others_gets_no_panel_of_ours(url: str, expected: str) -> None:
    assert set(links(spec(SLO, dashboard_url=url)).values()) == {expected}


@pytest.mark.parametrize(
    ("url", "start"),
    [
        ("https://g.example/d/slo-detail/slos-one-in-detail?orgId=2", "https://g.example/d/slo-detail?orgId=2&var-slo="),
        ("https://g.example/grafana/d/slo-prober", "https://g.example/grafana/d/slo-detail?var-slo="),
    ],
)  # fmt: skip
def test_of_ours_the_right_one_is_taken_whatever_else_its_url_says(url: str, start: str) -> None:
    assert all(found.startswith(start) for found in links(spec(SLO, dashboard_url=url)).values())


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("max(agent_sre_validation_leak_verdict)", panels.LEAKS),
        ("max(agent_sre_validation_resource_utilization_ratio)", Place(panels.Board.SCENARIOS, 40)),
        ("sum(increase(agent_sre_validation_missed_runs_total[15m]))", panels.MISSED),
        ("sum(rate(agent_sre_validation_stage_duration_seconds_count[1h]))", panels.STAGES),
        ("sum(agent_sre_validation_upstream)", panels.FIRING),
        ("up", panels.FIRING),
    ],
)
def test_a_plain_alert_leads_to_the_panel_of_its_metric(query: str, place: Place) -> None:
    plain = alert(query=query)
    found = links(spec(SLO, alerts=[plain], dashboard_url=OURS))["Down"]
    assert found == f"https://g.example/d/{place.board}?var-service=shop&viewPanel={place.panel}"


def test_every_place_is_a_panel_and_draws_what_leads_there() -> None:
    for metric, place in panels._DRAWN.items():
        drawn = [
            query.expr
            for query in boards.queries(BOARDS[place.board])
            if query.panel == place.panel
        ]
        assert any(metric in expr for expr in drawn), (metric, place)
    for place in (panels.FIRING, panels.SLI, panels.BURN_RATES, panels.EVENTS):
        assert place.panel in {panel["id"] for panel in boards.panels(BOARDS[place.board])}


def test_every_alert_of_this_repository_leads_to_a_panel_that_is_there() -> None:
    for path in sorted(boards.SLOS.glob("*.yaml")):
        for name, url in links(path.read_bytes()).items():
            found = re.fullmatch(r"https://[\w.]+/d/([\w-]+)\?var-.*&viewPanel=(\d+)", url)
            assert found, (name, url)
            assert int(found[2]) in {panel["id"] for panel in boards.panels(BOARDS[found[1]])}


def test_links_between_dashboards_lead_to_panels_that_are_there() -> None:
    found = [
        link
        for board in BOARDS.values()
        for link in re.findall(r"/d/([\w-]+)\?[^\"]*?(?:viewPanel=(\d+))?\"", _text(board))
    ]
    assert found
    for uid, panel in found:
        ids = {str(each["id"]) for each in boards.panels(BOARDS[uid])}
        assert not panel or panel in ids


def _text(board: boards.Board) -> str:
    return json.dumps(board)
