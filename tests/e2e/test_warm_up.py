"""A healthy house is silent after an install, restarts, a move of the node and a loss of data.

The normal suite replays two hours with all of it. `make outages` replays 48 hours after each.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.e2e.replay.cluster import add_cluster
from tests.e2e.replay.evaluation import (
    find_episodes,
    list_metrics,
    read_rules,
)
from tests.e2e.replay.history import History
from tests.e2e.replay.outages import load_overlay
from tests.e2e.replay.outcomes import Condition, Outcomes, record_outcomes
from tests.e2e.replay.prober import Period, ProberReplay

ALL = os.environ.get("OUTAGES") == "all"
BETWEEN, AFTER = (120, 2880) if ALL else (15, 35)
"""Minutes between two events, and after the last."""
INSTALL, RESTART, NEW_POD, MOVE, PROMETHEUS_RESTART = (BETWEEN * number for number in range(5))
DATA_LOSS = PROMETHEUS_RESTART + BETWEEN
END = DATA_LOSS + AFTER

PERIODS = [
    Period(Condition.PROBER_DOWN, INSTALL, INSTALL + 2),
    Period(Condition.PROBER_RESTARTING, RESTART, RESTART + 1),
    Period(Condition.PROBER_DOWN, NEW_POD, NEW_POD + 1),
    Period(Condition.PROBER_DOWN, MOVE, MOVE + 1.5),
    Period(Condition.AGENT_DOWN, MOVE, MOVE + 0.5),
]
HEARTBEAT = "AgentSREValidationWatchdog"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    outcomes: Outcomes = asyncio.run(record_outcomes(tmp_path_factory.mktemp("outcomes")))
    found = History(list_metrics(read_rules()))
    ProberReplay(load_overlay("studio"), outcomes, PERIODS, found).run(END)
    moved = PERIODS[-1]
    add_cluster(found, END * 2, has_pod=lambda seconds: not moved.contains(seconds))
    found.leave_out(range(PROMETHEUS_RESTART * 2, PROMETHEUS_RESTART * 2 + 8))
    return found


@pytest.mark.timeout(4 * 3600 if ALL else 180)
@pytest.mark.parametrize("start", [INSTALL, DATA_LOSS], ids=["install", "data loss"])
def test_nothing_fires_that_is_not_true_of_agent_sre(
    start: int, history: History, tmp_path: Path
) -> None:
    """The counters of the prober are old where Prometheus begins anew without its data."""
    minutes = range(start, END)
    episodes = find_episodes(read_rules(), history, tmp_path, minutes=minutes)
    assert [each for each in episodes if each.name != HEARTBEAT] == []
    assert [each.start for each in episodes if each.name == HEARTBEAT] == [start]
