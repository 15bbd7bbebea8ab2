"""Queries of dashboard panels: burn-down and rank, compared with computed values."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.generator import dashboards
from tests.generator.promtool import check_rules_on_series
from tests.schema.specs import EVENTS, build_slo, build_spec
from tests.schema.test_standalone_alerts import build_alert

BOARDS = dashboards.build_spec_dashboards(build_spec(build_slo(sli=EVENTS)))
ID = 'sloth_id="shop-requests"'
IDENTITY = 'sloth_id="{0}", sloth_service="shop", sloth_slo="{0}"'


def get_query(board: str, panel: int, ref: str) -> str:
    (found,) = [
        each
        for each in dashboards.list_queries(BOARDS[board])
        if (each.panel, each.ref) == (panel, ref)
    ]
    return found.expr


def check_queries(folder: Path, series: dict[str, str], *checks: dict[str, Any]) -> None:
    (folder / "rules.yaml").write_text("groups: []\n")
    fed = [{"series": name, "values": values} for name, values in series.items()]
    check_rules_on_series(folder, fed, list(checks), interval="1m")


def build_burn_down_query(ref: str, since: int) -> str:
    """The query of the burn-down with its left edge at a minute, an hour being shown."""
    expr = get_query("slo-detail", 22, ref).replace("${__from:date:seconds}", str(60 * since))
    return expr.replace("${__range_s}", "3600").replace("$slo", "shop-requests")


# A hundred events a minute, of which one fails in each of the first 30 minutes and two thereafter.
COUNTS = {
    f"slo:sli_total:sum1m{{{ID}}}": "100x120",
    f"slo:sli_errors:sum1m{{{ID}}}": "1x29 2x90",
    f"slo:error_budget:ratio{{{ID}}}": "0.1x120",
    # A twelfth of a day: two hours.
    f"slo:time_period:days{{{ID}}}": "0.0833333333333333x120",
    f"slo:period_error_budget_remaining:ratio{{{ID}}}": "0.85x120",
}


@pytest.mark.parametrize(
    ("since", "at", "left"),
    [
        # An hour of 2 %, of 10 % allowed, is a fifth of half the period's budget.
        (60, "120m", 1 - 0.2 / 2),
        # What failed before the left edge is not counted.
        (100, "110m", 1 - 0.2 * 10 / 120),
        (29, "59m", 1 - 0.2 / 4),
    ],
)
def test_a_budget_burns_down_from_the_left_edge_on(
    tmp_path: Path, since: int, at: str, left: float
) -> None:
    check = {"expr": f"round(1e6 * ({build_burn_down_query('A', since)}))", "eval_time": at}
    sample = {"labels": "{}", "value": round(1e6 * left)}
    check_queries(tmp_path, COUNTS, {**check, "exp_samples": [sample]})


def test_the_ideal_line_ends_at_nothing_a_period_after_the_left_edge(tmp_path: Path) -> None:
    checks = [
        {
            "expr": f"round(1e6 * ({build_burn_down_query('B', 0)}))",
            "eval_time": at,
            "exp_samples": [{"labels": "{}", "value": value}],
        }
        for at, value in (("0m", 1e6), ("60m", 5e5), ("120m", 0))
    ]
    check_queries(tmp_path, COUNTS, *checks)


def test_what_pages_hurts_more_than_what_burns_and_that_more_than_what_is_spent(
    tmp_path: Path,
) -> None:
    series = {
        f"slo:objective:ratio{{{IDENTITY.format(name)}}}": "0.9x9"
        for name in ("pages", "tickets", "burns", "spent", "idle")
    }
    burn = {"pages": "2x9", "tickets": "500x9", "burns": "7x9", "spent": "0x9"}
    left = {"pages": "0.5x9", "tickets": "1x9", "burns": "1x9", "spent": "-3x9"}
    for metric, values in (("current_burn_rate", burn), ("period_error_budget_remaining", left)):
        for name, value in values.items():
            series[f"slo:{metric}:ratio{{{IDENTITY.format(name)}}}"] = value
    firing = 'ALERTS{{alertstate="firing", sloth_severity="{}", {}}}'
    series[firing.format("page", IDENTITY.format("pages"))] = "1x9"
    series[firing.format("ticket", IDENTITY.format("tickets"))] = "1x9"
    scores = {"pages": 1024.5, "tickets": 190, "burns": 70, "spent": 9, "idle": 0}
    expr = get_query("slo-overview", 11, "A").replace("$service", ".*")
    samples = [
        {"labels": f"{{{IDENTITY.format(name)}}}", "value": score} for name, score in scores.items()
    ]
    check_queries(tmp_path, series, {"expr": expr, "eval_time": "5m", "exp_samples": samples})
    assert not re.search(r"\$", expr)


def format_firing_alert(name: str, severity: str = "", sloth: str = "", **labels: str) -> str:
    every = {"alertname": name, "alertstate": "firing", "severity": severity, **labels}
    every |= {"sloth_service": "shop", "sloth_severity": sloth}
    said = ", ".join(f'{label}="{value}"' for label, value in every.items() if value)
    return f"ALERTS{{{said}}}"


HEARTBEAT = build_alert(
    name="Alive", query="vector(1)", above=0, below=None, heartbeat=True, no_data="firing",
    summary="alerting works, at {{ $value }}", example=[], quiet=None, firing=None,
)  # fmt: skip
PAGES = (
    format_firing_alert("Down", "critical"),
    format_firing_alert("Failing", "critical", "page", sloth_id="a", sloth_slo="a"),
    format_firing_alert("OfATeam", "pageteam", "page", sloth_id="b", sloth_slo="b"),
    format_firing_alert("WithoutSeverity", "", "page", sloth_id="b", sloth_slo="b"),
)
OTHERS = (
    format_firing_alert("Gone", "warning"),
    format_firing_alert("FailingTicket", "warning", "ticket", sloth_id="a", sloth_slo="a"),
    format_firing_alert("NoPageAnyMore", "warning", "page", sloth_id="a", sloth_slo="a"),
    format_firing_alert("Slack", "slack", "ticket", sloth_id="b", sloth_slo="b"),
)


def test_who_is_woken_is_counted_as_routing_has_it_and_no_heartbeat_is(tmp_path: Path) -> None:
    found = dashboards.build_spec_dashboards(build_spec(build_slo(sli=EVENTS), alerts=[HEARTBEAT]))
    series = dict.fromkeys((*PAGES, *OTHERS, format_firing_alert("Alive", "critical")), "1x9")
    counts = {4: len(PAGES), 5: len(OTHERS)}
    asked = {
        each.panel: each.expr.replace("$service", ".*")
        for each in dashboards.list_queries(found["slo-overview"])
        if each.panel in counts
    }
    checks = [
        {"expr": asked[panel], "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": n}]}
        for panel, n in counts.items()
    ]
    check_queries(tmp_path, series, *checks)
    # A band that never ends would cover whatever else fired.
    notes = [each["expr"] for each in found["slo-overview"]["annotations"]["list"]]
    assert notes
    assert all('alertname!="Alive"' in expr for expr in notes)


def test_the_table_of_slos_has_no_row_for_alerts_without_one(tmp_path: Path) -> None:
    expr = get_query("slo-overview", 11, "F").replace("$service", ".*")
    samples = [{"labels": f"{{{IDENTITY.format('a')}}}", "value": 1}]
    series = {
        format_firing_alert("Down", "critical"): "1x9",
        format_firing_alert("Failing", "critical", "page", sloth_id="a", sloth_slo="a"): "1x9",
    }
    check_queries(tmp_path, series, {"expr": expr, "eval_time": "5m", "exp_samples": samples})


def test_in_detail_every_service_has_an_slo_to_choose() -> None:
    (service,) = [
        each for each in BOARDS["slo-detail"]["templating"]["list"] if each["name"] == "service"
    ]
    assert service["query"] == "label_values(slo:objective:ratio, sloth_service)"
