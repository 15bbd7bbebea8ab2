"""Links to the generated dashboards and their panels; panel ids are the same in every build."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from slos.schema import contract


class Board(StrEnum):
    """Generated dashboard; the value is its uid, file name and the end of its ConfigMap's name."""

    OVERVIEW = "slo-overview"
    DETAIL = "slo-detail"
    PROBER = "slo-prober"
    SCENARIOS = "slo-scenarios"


@dataclass(frozen=True, slots=True)
class Place:
    """Reference to one panel of a dashboard."""

    board: Board
    panel: int


FIRING = Place(Board.OVERVIEW, 10)
SLI = Place(Board.DETAIL, 20)
BURN_RATES = Place(Board.DETAIL, 21)
EVENTS = Place(Board.DETAIL, 23)

VERDICTS = Place(Board.PROBER, 10)
CHECKS = Place(Board.PROBER, 11)
STAGES = Place(Board.PROBER, 12)
MISSED = Place(Board.PROBER, 21)
CANARY = Place(Board.PROBER, 23)
ORPHANS = Place(Board.PROBER, 30)
CLEANUP = Place(Board.PROBER, 31)
LEAKS = Place(Board.PROBER, 40)
TARGET = Place(Board.PROBER, 60)
SKEW = Place(Board.PROBER, 52)
JOURNAL = Place(Board.PROBER, 64)
STATE = Place(Board.PROBER, 65)

THROUGHPUT = Place(Board.SCENARIOS, 10)
COMPLETED = Place(Board.SCENARIOS, 30)
EFFICIENCY = Place(Board.SCENARIOS, 20)
AGE = Place(Board.SCENARIOS, 1)

# Metrics that specs of this repository record in addition to the contract.
MEANWHILE: Mapping[str, Place] = {
    f"{contract.PREFIX}{name}": Place(Board.SCENARIOS, 40 + number)
    for number, name in enumerate(
        (
            "resource_utilization_ratio",
            "stage_share_ratio",
            "load_fairness_ratio",
            "replicas_awaited",
            "degradation_ratio",
        )
    )
}

# Panel of each metric that alerts read; of several metrics, the first in this order decides.
_DRAWN: Mapping[str, Place] = {
    contract.CANARY_REQUESTS: CANARY,
    contract.THROUGHPUT: THROUGHPUT,
    contract.CONCURRENCY_COMPLETED: COMPLETED,
    contract.SCALING_EFFICIENCY: EFFICIENCY,
    contract.SCENARIO_COMPLETED: AGE,
    contract.LEAK_VERDICT: LEAKS,
    contract.CLEANUP_FAILURES: CLEANUP,
    contract.ORPHANS: ORPHANS,
    contract.CLOCK_SKEW: SKEW,
    contract.JOURNAL_FAILURES: JOURNAL,
    contract.CONFIG_LAST_RELOAD_SUCCESSFUL: STATE,
    contract.MISSED_RUNS: MISSED,
    contract.UP: TARGET,
    contract.CHECKS: CHECKS,
    contract.STAGE_DURATION: STAGES,
    contract.PROBE_RUNS: VERDICTS,
    **MEANWHILE,
}
_OF_OURS = re.compile(rf"(.*/d/)(?:{'|'.join(Board)})(?:/[^?]*)?(\?.*)?")
# Variables that every dashboard has; a label of the same name needs another one.
_TAKEN = {"datasource", "service", "slo"}


def of_query(query: str) -> Place:
    """Panel that a standalone alert links to: that of its metric, else the firing alerts."""
    names = set(re.findall(r"[a-zA-Z_:][\w:]*", query))
    known = {re.sub("_(bucket|count|sum)$", "", name) for name in names} | names
    return next((place for metric, place in _DRAWN.items() if metric in known), FIRING)


def variable(label: str) -> str:
    """Dashboard variable that selects a value of a label."""
    return f"label_{label}" if label in _TAKEN else label


def _chosen(labels: Mapping[str, str]) -> str:
    """URL query that sets variables; template expressions in values are not quoted."""
    each = (
        f"var-{name}={value if '{{' in value else quote(value)}" for name, value in labels.items()
    )
    return "&".join(each)


def url(
    dashboard_url: str, place: Place, about: Mapping[str, str], within: Mapping[str, str]
) -> str:
    """Link to a dashboard with its variables set.

    The URL of any generated dashboard becomes a link to the panel. Another dashboard gets the
    common variables only, as its panels are unknown.

    Args:
        dashboard_url: URL in the spec.
        panel: panel of a generated dashboard.
        common_variables: variables that any dashboard may have.
        board_variables: variables that generated dashboards have.
    """
    ours = _OF_OURS.fullmatch(dashboard_url)
    if ours:
        asked = ours[2] or ""
        joint = "&" if asked else "?"
        base = f"{ours[1]}{place.board}{asked}"
        return f"{base}{joint}{_chosen({**about, **within})}&viewPanel={place.panel}"
    joint = "&" if "?" in dashboard_url else "?"
    return f"{dashboard_url}{joint}{_chosen(about)}"
