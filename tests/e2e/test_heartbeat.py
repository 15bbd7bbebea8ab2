"""The heartbeat beside the inhibitions and alerts of a stock kube-prometheus-stack."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.replay.delivery import Notification, build_fast_config, deliver_episodes
from tests.e2e.replay.evaluation import Episode
from tests.generator.amtool import read_expected_alerts

pytestmark = pytest.mark.timeout(600)

HEARTBEAT = "AgentSREValidationWatchdog"
MINUTES = 60
LONGEST_GAP = 3.0
"""Minutes; the interval is one, and a busy machine delays the replay by up to a second."""

# As in the values of kube-prometheus-stack.
STOCK_INHIBITIONS = [
    {
        "source_matchers": ["severity = critical"],
        "target_matchers": ["severity =~ warning|info"],
        "equal": ["namespace", "alertname"],
    },
    {
        "source_matchers": ["severity = warning"],
        "target_matchers": ["severity = info"],
        "equal": ["namespace", "alertname"],
    },
    {
        "source_matchers": ["alertname = InfoInhibitor"],
        "target_matchers": ["severity = info"],
        "equal": ["namespace"],
    },
    {"target_matchers": ["alertname = InfoInhibitor"]},
]


def build_stock_config(address: str, speed: float) -> dict[str, Any]:
    config = build_fast_config(address, speed)
    config["inhibit_rules"] += STOCK_INHIBITIONS
    return config


def fire(labels: Mapping[str, str]) -> Episode:
    return Episode(tuple(sorted(labels.items())), 0.0, None)


def list_inhibitors(alerts: Mapping[str, Mapping[str, str]]) -> list[Episode]:
    """InfoInhibitor fires beside each informational alert, with its labels."""
    own = {"alertname": "InfoInhibitor", "severity": "none"}
    informational = [each for each in alerts.values() if each["severity"] == "info"]
    of_others = [{"namespace": "prometheus"}, {"namespace": "ai"}, {}]
    return [fire({**each, **own}) for each in (*informational, *of_others)]


@pytest.fixture(scope="module")
def notifications(tmp_path_factory: pytest.TempPathFactory) -> list[Notification]:
    alerts = read_expected_alerts()
    houses = {
        "healthy": [fire(alerts[HEARTBEAT])],
        "broken": [*map(fire, alerts.values()), *list_inhibitors(alerts)],
    }
    folder = tmp_path_factory.mktemp("heartbeat")
    return deliver_episodes(houses, build_stock_config, folder, minutes=MINUTES)


@pytest.mark.parametrize("house", ["healthy", "broken"])
def test_the_heartbeat_arrives_at_every_interval_of_an_hour(
    house: str, notifications: list[Notification]
) -> None:
    beats = [
        each.minute
        for each in notifications
        if each.house == house and each.receiver == "slo-watchdog"
    ]
    times = [0.0, *beats, float(MINUTES)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) < LONGEST_GAP, gaps
    assert len(beats) > MINUTES / 2


def test_nobody_hears_of_the_inhibitor(notifications: list[Notification]) -> None:
    assert not [each for each in notifications if "InfoInhibitor" in each.firing]


def test_the_heartbeat_goes_to_the_dead_mans_switch_only(
    notifications: list[Notification],
) -> None:
    assert {each.receiver for each in notifications if HEARTBEAT in each.firing} == {"slo-watchdog"}
