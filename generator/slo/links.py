"""Links to the generated dashboards and their panels; panel ids are the same in every build."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

import promql_parser as ast

from slos.schema import contract
from slos.schema.compatibility import read_metric_name
from slos.schema.promql import list_children, parse_query


class Board(StrEnum):
    """Generated dashboard that alerts link to; the value is its uid."""

    OVERVIEW = "slo-overview"
    DETAIL = "slo-detail"
    PROBER = "slo-prober"
    SCENARIOS = "slo-scenarios"


@dataclass(frozen=True, slots=True)
class PanelRef:
    """Reference to one panel of a dashboard."""

    board: Board
    panel_id: int


FIRING_PANEL = PanelRef(Board.OVERVIEW, 10)
SLI_PANEL = PanelRef(Board.DETAIL, 20)
BURN_RATES_PANEL = PanelRef(Board.DETAIL, 21)
EVENTS_PANEL = PanelRef(Board.DETAIL, 23)

VERDICTS_PANEL = PanelRef(Board.PROBER, 10)
CHECKS_PANEL = PanelRef(Board.PROBER, 11)
RESULTS_PANEL = PanelRef(Board.PROBER, 14)
ACCEPTED_PANEL = PanelRef(Board.PROBER, 72)
STAGES_PANEL = PanelRef(Board.PROBER, 12)
MISSED_RUNS_PANEL = PanelRef(Board.PROBER, 21)
CANARY_PANEL = PanelRef(Board.PROBER, 23)
PATH_PROBLEMS_PANEL = PanelRef(Board.PROBER, 24)
ORPHANS_PANEL = PanelRef(Board.PROBER, 30)
CLEANUP_PANEL = PanelRef(Board.PROBER, 31)
LEAK_SIGNALS_PANEL = PanelRef(Board.PROBER, 42)
AUTHENTICATION_PANEL = PanelRef(Board.PROBER, 70)
LEAKS_PANEL = PanelRef(Board.PROBER, 40)
TARGET_PANEL = PanelRef(Board.PROBER, 60)
CLOCK_SKEW_PANEL = PanelRef(Board.PROBER, 52)
JOURNAL_PANEL = PanelRef(Board.PROBER, 64)
STATE_PANEL = PanelRef(Board.PROBER, 65)

THROUGHPUT_PANEL = PanelRef(Board.SCENARIOS, 10)
COMPLETED_PANEL = PanelRef(Board.SCENARIOS, 30)
EFFICIENCY_PANEL = PanelRef(Board.SCENARIOS, 20)
RESULT_AGE_PANEL = PanelRef(Board.SCENARIOS, 1)

# Metrics that specs of this repository record in addition to the contract.
RECORDED_METRIC_PANELS: Mapping[str, PanelRef] = {
    f"{contract.PREFIX}{name}": PanelRef(Board.SCENARIOS, 40 + number)
    for number, name in enumerate(
        (
            "resource_utilization_ratio",
            "stage_share_ratio",
            "load_fairness_ratio",
            "replicas_awaited",
            "degradation_ratio",
            "scenario_target_ratio",
            "stage_target_ratio",
        )
    )
}

# Panel of each metric that alerts read; of several metrics, the first in this order decides.
_PANEL_BY_METRIC: Mapping[str, PanelRef] = {
    contract.CANARY_REQUESTS: CANARY_PANEL,
    contract.THROUGHPUT: THROUGHPUT_PANEL,
    contract.CONCURRENCY_COMPLETED: COMPLETED_PANEL,
    contract.SCALING_EFFICIENCY: EFFICIENCY_PANEL,
    contract.SCENARIO_COMPLETED: RESULT_AGE_PANEL,
    contract.LEAK_VERDICT: LEAKS_PANEL,
    contract.LEAK_SIGNAL_OBSERVED: LEAK_SIGNALS_PANEL,
    contract.AUTHENTICATION_DURATION: AUTHENTICATION_PANEL,
    contract.CLEANUP_FAILURES: CLEANUP_PANEL,
    contract.ORPHANS: ORPHANS_PANEL,
    contract.CLOCK_SKEW: CLOCK_SKEW_PANEL,
    contract.JOURNAL_FAILURES: JOURNAL_PANEL,
    contract.CONFIG_LAST_RELOAD_SUCCESSFUL: STATE_PANEL,
    contract.MISSED_RUNS: MISSED_RUNS_PANEL,
    contract.UP: TARGET_PANEL,
    contract.ACCEPTED_UNTIL: ACCEPTED_PANEL,
    contract.CHECKS: CHECKS_PANEL,
    contract.RESULTS: RESULTS_PANEL,
    contract.STAGE_DURATION: STAGES_PANEL,
    contract.PROBE_RUNS: VERDICTS_PANEL,
    **RECORDED_METRIC_PANELS,
}
_EXCLUSIONS = frozenset({"unless"})
_SET_CONDITIONS = _EXCLUSIONS | {"and"}
_OWN_DASHBOARD_URL = re.compile(rf"(.*/d/)(?:{'|'.join(Board)})(?:/[^?]*)?(\?.*)?")
# Variables that every dashboard has; a label of the same name needs another one. Those that begin
# with `__` are Grafana's own.
_RESERVED_VARIABLES = {"datasource", "service", "slo"}


def find_panel(query: str) -> PanelRef:
    """Panel that a standalone alert links to, or that of the firing alerts.

    It is the panel of a metric in the value of the query. If these have none, it is that of a
    metric in a condition after `and`.
    """
    tree = parse_query(query)
    for skipped in (_SET_CONDITIONS, _EXCLUSIONS):
        names = set(_list_metrics(tree, skipped))
        metrics = {re.sub("_(bucket|count|sum)$", "", name) for name in names} | names
        for metric, panel in _PANEL_BY_METRIC.items():
            if metric in metrics:
                return panel
    return FIRING_PANEL


def _list_metrics(node: ast.Expr, condition_operators: frozenset[str]) -> Iterator[str]:
    """Metrics of a query, without those on the right side of the operators."""
    if isinstance(node, ast.VectorSelector):
        yield read_metric_name(node)
    is_condition = isinstance(node, ast.BinaryExpr) and str(node.op) in condition_operators
    for child in list_children(node)[: 1 if is_condition else None]:
        yield from _list_metrics(child, condition_operators)


def name_variable(label: str) -> str:
    """Dashboard variable that selects a value of a label."""
    name = re.sub(r"\W", "_", label)
    is_reserved = name in _RESERVED_VARIABLES or name.startswith("__")
    return f"label_{name}" if is_reserved else name


def _format_variables(labels: Mapping[str, str]) -> str:
    """URL query that sets variables; template expressions in values are not quoted."""
    assignments = (
        f"var-{name}={value if '{{' in value else quote(value)}" for name, value in labels.items()
    )
    return "&".join(assignments)


def build_dashboard_url(
    dashboard_url: str,
    panel: PanelRef,
    common_variables: Mapping[str, str],
    board_variables: Mapping[str, str],
) -> str:
    """Link to a dashboard with its variables set.

    The URL of any dashboard in `Board` becomes a link to the panel. Another dashboard gets the
    common variables only, as its panels are unknown.

    Args:
        dashboard_url: URL in the spec.
        panel: panel of a generated dashboard.
        common_variables: variables that any dashboard may have.
        board_variables: variables that generated dashboards have.
    """
    own_url = _OWN_DASHBOARD_URL.fullmatch(dashboard_url)
    if own_url:
        query = own_url[2] or ""
        separator = "&" if query else "?"
        base = f"{own_url[1]}{panel.board}{query}"
        variables = _format_variables({**common_variables, **board_variables})
        return f"{base}{separator}{variables}&viewPanel={panel.panel_id}"
    separator = "&" if "?" in dashboard_url else "?"
    return f"{dashboard_url}{separator}{_format_variables(common_variables)}"
