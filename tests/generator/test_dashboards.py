"""Generated dashboards: valid, complete, and independent of the number of SLOs."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from generator.pipeline import BuildSettings
from generator.settings import RunSettings
from slos.schema import contract
from slos.schema.promql import parse_query
from tests.generator import dashboards, grafana_schema
from tests.generator.dashboards import Board
from tests.generator.spec_pipeline import build_plans, build_rules
from tests.schema.specs import EVENTS, build_slo, build_spec

OURS = dashboards.build_repository_dashboards()
GROUPED = build_slo(
    sli={"latency": {"metric": "wait_seconds", "threshold": "1s", "by": ["slo", "zone"]}}
)
RUN = build_plans(
    build_spec(GROUPED),
    settings=BuildSettings(run_settings=RunSettings(extra_labels={"cluster": "a"})),
)
BY_LABELS = dashboards.build_dashboards(RUN.plans)
EVERY = [*OURS.values(), *BY_LABELS.values()]
IDS = [f"{board['uid']}-{number}" for number, board in enumerate(EVERY)]
every_board = pytest.mark.parametrize("board", EVERY, ids=IDS)
# Names that Prometheus gives itself.
_ALERTS = {"ALERTS", "ALERTS_FOR_STATE"}


def test_uids_and_titles_stay_the_same() -> None:
    assert {uid: (board["uid"], board["title"]) for uid, board in OURS.items()} == {
        "slo-overview": ("slo-overview", "SLOs: overview"),
        "slo-detail": ("slo-detail", "SLOs: one in detail"),
        "slo-prober": ("slo-prober", "SLOs: prober"),
        "slo-scenarios": ("slo-scenarios", "SLOs: load scenarios"),
    }


@every_board
def test_it_is_a_dashboard_by_the_models_of_the_sdk(board: Board) -> None:
    assert grafana_schema.find_problems(board) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("refresh",), 30),
        (("refesh",), "30s"),
        (("panels", 0, "gridPos", "w"), "4"),
        (("panels", 0, "fieldConfig", "defaults", "units"), "s"),
        (("panels", 0, "options", "graphMode"), "sometimes"),
        (("panels", 0, "targets", 0, "expr"), 1),
        (("templating", "list", 1, "refresh"), 7),
    ],
)
def test_what_no_dashboard_has_is_found(path: tuple[str | int, ...], value: object) -> None:
    board: Any = copy.deepcopy(OURS["slo-overview"])
    inside = board
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    assert len(grafana_schema.find_problems(board)) >= 1


@every_board
def test_panels_lie_side_by_side_within_24_columns(board: Board) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken.get((x, y))}"
                taken[x, y] = panel["title"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(ids)


@every_board
def test_every_query_is_promql_once_its_variables_are_filled(board: Board) -> None:
    found = list(dashboards.list_queries(board))
    assert found
    chosen: dict[str, str | list[str]] = {"slo": "a-b", "cluster": "a", "zone": ["x.1", "y"]}
    chosen = {name: chosen[name] for name in chosen if f"${name}" in json.dumps(board)}
    for query in found:
        text = dashboards.fill_variables(query.expr, board, chosen, 1_700_000_000)
        assert "$" not in text
        parse_query(text)
    for annotation in board["annotations"]["list"]:
        parse_query(dashboards.fill_variables(annotation["expr"], board, chosen, 1_700_000_000))


@every_board
def test_every_panel_says_what_it_shows_in_which_unit_and_when_it_is_bad(board: Board) -> None:
    colored = 0
    for panel in dashboards.list_panels(board):
        assert panel["description"].endswith(".")
        defaults, overrides = panel["fieldConfig"]["defaults"], json.dumps(panel["fieldConfig"])
        assert defaults.get("unit") or '"unit"' in overrides or panel["type"] == "state-timeline"
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        colored += "thresholds" in overrides
    assert colored >= 4


@every_board
def test_it_refreshes_and_asks_the_prometheus_that_is_chosen(board: Board) -> None:
    assert board["refresh"] == "30s"
    first = board["templating"]["list"][0]
    assert (first["type"], first["query"]) == ("datasource", "prometheus")
    assert first["current"]["value"] == "prometheus"


def test_a_thousand_slos_need_no_more_than_one() -> None:
    few = dashboards.build_spec_dashboards(build_spec(build_slo(sli=EVENTS), service="a"))
    many = dashboards.build_spec_dashboards(
        *(build_spec(build_slo(sli=EVENTS), service=f"s{number}") for number in range(50))
    )
    assert many == few


def test_specs_that_read_nothing_of_the_probe_have_no_dashboards_of_it() -> None:
    assert set(BY_LABELS) == {"slo-overview", "slo-detail"}
    linked = {link["url"] for board in BY_LABELS.values() for link in board["links"]}
    assert linked == {"/d/slo-overview", "/d/slo-detail"}


def test_labels_of_the_run_and_of_groups_are_variables() -> None:
    names = {
        uid: [v["name"] for v in board["templating"]["list"]] for uid, board in BY_LABELS.items()
    }
    assert names == {
        "slo-overview": ["datasource", "service", "cluster"],
        # A label called like a variable of ours gets another name.
        "slo-detail": ["datasource", "service", "cluster", "slo", "label_slo", "zone"],
    }
    measured = [
        query.expr
        for query in dashboards.list_queries(BY_LABELS["slo-detail"])
        if "slo:current_burn_rate:ratio" in query.expr
    ]
    chosen = 'sloth_id="$slo", cluster=~"$cluster", slo=~"$label_slo", zone=~"$zone"'
    assert all(f"slo:current_burn_rate:ratio{{{chosen}}}" in expr for expr in measured)


def test_what_is_marked_in_graphs_is_chosen_by_variables_that_are_there() -> None:
    documents = [path.read_bytes() for path in sorted(dashboards.SLOS.glob("*.yaml"))]
    run = build_plans(
        *documents, settings=BuildSettings(run_settings=RunSettings(extra_labels={"env": "a"}))
    )
    found = dashboards.build_dashboards(run.plans)
    assert len(found) == 4
    for board in found.values():
        named = {each["name"] for each in board["templating"]["list"]}
        for note in board["annotations"]["list"]:
            assert set(re.findall(r"\$\{?(\w+)", note["expr"])) <= named, board["uid"]
            parse_query(note["expr"])


def test_every_metric_is_one_that_is_exported_or_recorded() -> None:
    recorded = _list_recorded()
    contracted = {
        value for name, value in vars(contract).items() if name.isupper() and isinstance(value, str)
    }
    drawn = {
        name
        for board in OURS.values()
        for query in dashboards.list_queries(board)
        for name in re.findall(r"\b(?:slo:[\w:]+|agent_sre_\w+|ALERTS\w*)", query.expr)
        if not name.endswith("rate")  # the beginning of a pattern
    }
    plain = {re.sub("_bucket$", "", name) for name in drawn}
    assert plain <= contracted | recorded | _ALERTS
    assert {value for value in contracted if value.startswith(contract.PREFIX)} - plain <= {
        contract.PREFIX
    }


def _list_recorded() -> set[str]:
    documents = [path.read_bytes() for path in sorted(dashboards.SLOS.glob("*.yaml"))]
    plans = build_plans(*documents).plans
    rules = (rule for plan in plans for group in plan.groups for rule in group.rules)
    return {rule.record for rule in rules if hasattr(rule, "record")}


def test_sloths_own_rules_have_an_overview_and_a_detail_too() -> None:
    settings = BuildSettings(profile="sloth")
    found = dashboards.build_dashboards(
        build_plans(build_spec(build_slo(sli=EVENTS), period=None), settings=settings).plans
    )
    assert set(found) == {"slo-overview", "slo-detail"}
    for query in dashboards.list_queries(found["slo-detail"]):
        parse_query(
            dashboards.fill_variables(query.expr, found["slo-detail"], {"slo": "a"}, 1_700_000_000)
        )
        assert "slo:sli_total" not in query.expr


def test_who_writes_no_dashboard_does_not_load_the_sdk(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(json.dumps(build_spec(build_slo(sli=EVENTS)), default=str))
    code = (
        "import sys; from generator.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(any(name.startswith('grafana') for name in sys.modules))"
    )
    build = ["build", "s.yaml", "-o", "out", "--format"]
    for format_, loaded in (("prometheus", "False"), ("grafana", "True")):
        command = [sys.executable, "-c", code, *build, format_]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert ran.stdout.splitlines()[-1] == loaded, ran.stderr


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        *(("wait_seconds", "s"), ("wait_sec", "s"), ("wait", "s"), ("wait_rx", "s")),
        *(("wait_ms", "short"), ("wait_msec", "short"), ("wait_days", "short")),
        ("reply_size_bytes", "short"),
    ],
)
def test_latency_is_in_seconds_unless_the_metric_is_not(metric: str, unit: str) -> None:
    sli = {"latency": {"metric": metric, "threshold": 1}}
    detail = dashboards.build_spec_dashboards(build_spec(build_slo(sli=sli)))["slo-detail"]
    (panel,) = [
        each for each in dashboards.list_panels(detail)
        if each["id"] == 24
    ]  # fmt: skip
    assert panel["fieldConfig"]["defaults"]["unit"] == unit


def test_rules_of_one_slo_say_what_dashboards_draw() -> None:
    rules = [rule for rule in build_rules(build_spec(GROUPED)) if hasattr(rule, "record")]
    records = [rule.record for rule in rules]
    assert records.count("slo:alert_burn_rate:threshold") == 4
    assert records.count("slo:alert:info") == 3
    (target,) = [rule for rule in rules if rule.record == "slo:sli_latency:target"]
    assert target.expr == "vector(1)"
