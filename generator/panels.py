"""Our dashboards and their panels, as far as alerts lead to them; ids in links outlive a build."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from slos.schema import contract


class Board(StrEnum):
    """A dashboard; the value is its uid, its file name and the end of its ConfigMap's name."""

    OVERVIEW = "slo-overview"
    DETAIL = "slo-detail"
    PROBER = "slo-prober"
    SCENARIOS = "slo-scenarios"


@dataclass(frozen=True, slots=True)
class Place:
    """One panel of a dashboard."""

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

# What specs of this repository record beside the contract; drawn where it is recorded.
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

# The panel that draws what an alert reads; of several metrics, the first in this order decides.
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
# Variables that are there in any case; a label of that name needs another.
_TAKEN = {"datasource", "service", "slo"}


def of_query(query: str) -> Place:
    """Where a plain alert leads to: the panel that draws its metric, else what is firing."""
    names = set(re.findall(r"[a-zA-Z_:][\w:]*", query))
    known = {re.sub("_(bucket|count|sum)$", "", name) for name in names} | names
    return next((place for metric, place in _DRAWN.items() if metric in known), FIRING)


def variable(label: str) -> str:
    """The dashboard variable that chooses among the values of a label."""
    return f"label_{label}" if label in _TAKEN else label


def _chosen(labels: Mapping[str, str]) -> str:
    """The part of a URL that chooses values of variables; templates in values stay as they are."""
    each = (
        f"var-{name}={value if '{{' in value else quote(value)}" for name, value in labels.items()
    )
    return "&".join(each)


def url(
    dashboard_url: str, place: Place, about: Mapping[str, str], within: Mapping[str, str]
) -> str:
    """A link into a dashboard, with its variables chosen.

    Where the URL is that of one of ours, it leads to the place, whichever of them it names; a
    dashboard of others is left as it is, for nobody knows its panels.

    Args:
        dashboard_url: as the spec has it.
        place: where to.
        about: variables that any dashboard may have.
        within: variables that ours have.
    """
    ours = _OF_OURS.fullmatch(dashboard_url)
    if ours:
        asked = ours[2] or ""
        joint = "&" if asked else "?"
        base = f"{ours[1]}{place.board}{asked}"
        return f"{base}{joint}{_chosen({**about, **within})}&viewPanel={place.panel}"
    joint = "&" if "?" in dashboard_url else "?"
    return f"{dashboard_url}{joint}{_chosen(about)}"
