"""A day of agent-sre 0.5.15 with its known faults: silent, and a page where none is accepted.

`make outages` runs it. The warm-up of the normal suite replays two hours of the same house.
"""

import asyncio
import dataclasses
import os
from pathlib import Path

import pytest

from exporter.config.loader import LoadedConfig
from tests.e2e.replay.cluster import add_cluster
from tests.e2e.replay.evaluation import find_episodes, list_metrics, read_rules
from tests.e2e.replay.history import History
from tests.e2e.replay.outages import list_pages, load_overlay
from tests.e2e.replay.outcomes import record_outcomes
from tests.e2e.replay.prober import ProberReplay

pytestmark = [
    pytest.mark.skipif(os.environ.get("OUTAGES") != "all", reason="takes minutes; OUTAGES=all"),
    pytest.mark.timeout(3600),
]

DAY, THREE_HOURS = 24 * 60, 180


def replay_known_faults(loaded: LoadedConfig, minutes: int, folder: Path) -> set[str]:
    """Replay some minutes of the known faults; return the alerts that fire."""
    groups = read_rules()
    history = History(list_metrics(groups))
    outcomes = asyncio.run(record_outcomes(folder))
    faults = load_overlay("studio").accepted
    ProberReplay(loaded, outcomes, [], history, faults=faults).run(minutes)
    add_cluster(history, minutes * 2, has_pod=lambda _: True)
    return {each.name for each in find_episodes(groups, history, folder, minutes=range(minutes))}


def test_no_alert_fires_in_a_day_of_known_faults(tmp_path: Path) -> None:
    found = replay_known_faults(load_overlay("studio"), DAY, tmp_path)
    assert found == {"AgentSREValidationWatchdog"}


def test_known_faults_that_are_not_accepted_page(tmp_path: Path) -> None:
    loaded = dataclasses.replace(load_overlay("studio"), accepted=())
    found = replay_known_faults(loaded, THREE_HOURS, tmp_path)
    pages = {"AgentSREUnavailable", "AgentSRESecurityCheckFailing"}
    assert found & {*list_pages(), "AgentSREValidationFailureRateHigh"} >= pages
