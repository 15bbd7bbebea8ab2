"""A day of agent-sre 0.5.15 with its known faults, at the rates and with the rules of each overlay.

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
from tests.e2e.replay.outages import load_overlay
from tests.e2e.replay.outcomes import record_outcomes
from tests.e2e.replay.prober import ProberReplay
from tests.k8s.manifests import OVERLAYS

pytestmark = [
    pytest.mark.skipif(os.environ.get("OUTAGES") != "all", reason="takes minutes; OUTAGES=all"),
    pytest.mark.timeout(4 * 3600),
]

DAY, THREE_HOURS = 24 * 60, 180


def replay_known_faults(
    loaded: LoadedConfig, minutes: int, folder: Path, *, overlay: str
) -> set[str]:
    """Replay some minutes of the known faults; return the alerts of an overlay that fire."""
    groups = read_rules(overlay=overlay)
    history = History(list_metrics(groups))
    outcomes = asyncio.run(record_outcomes(folder))
    faults = load_overlay(overlay).accepted
    ProberReplay(loaded, outcomes, [], history, faults=faults).run(minutes)
    add_cluster(history, minutes * 2, has_pod=lambda _: True)
    return {each.name for each in find_episodes(groups, history, folder, minutes=range(minutes))}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_alert_fires_in_a_day_of_known_faults(overlay: str, tmp_path: Path) -> None:
    found = replay_known_faults(load_overlay(overlay), DAY, tmp_path, overlay=overlay)
    assert found == {"AgentSREValidationWatchdog"}


def test_known_faults_that_are_not_accepted_fire(tmp_path: Path) -> None:
    loaded = dataclasses.replace(load_overlay("studio"), accepted=())
    found = replay_known_faults(loaded, THREE_HOURS, tmp_path, overlay="studio")
    expected = {
        "AgentSREUnavailable",
        "AgentSRESecurityCheckFailing",
        "AgentSRESingleReplicaUnderLoad",
    }
    assert found >= expected
