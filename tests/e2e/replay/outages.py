"""The outages that are replayed, from the prober's schedule to the episodes of alerts."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from exporter.config.loader import LoadedConfig, load_config
from tests.e2e.replay.cluster import add_cluster
from tests.e2e.replay.evaluation import (
    Episode,
    find_episodes,
    list_alert_rules,
    list_metrics,
    read_rules,
)
from tests.e2e.replay.history import History
from tests.e2e.replay.outcomes import Condition, Outcomes
from tests.e2e.replay.prober import Period, ProberReplay
from tests.k8s.loopback_config import write_loopback_config
from tests.k8s.manifests import build_overlay

LEAD = 30
"""Minutes of good health before an outage."""
MINUTES = 125
"""Length of a replay in minutes."""
EPISODES = Path(__file__).parent / "episodes.yaml"


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage that begins after the lead.

    Attributes:
        name: name of the replay, which is its cluster as well.
        text: what happens, for readers.
        conditions: each condition with its minutes.
        page: the alert that pages; empty if nothing is urgent.
    """

    name: str
    text: str
    conditions: tuple[tuple[Condition, float], ...]
    page: str

    @property
    def periods(self) -> list[Period]:
        """The conditions on the time line of the replay."""
        return [Period(each, LEAD, LEAD + minutes) for each, minutes in self.conditions]


OUTAGES = (
    Outage(
        "agent-down",
        "agent-sre has no replica for 30 minutes",
        ((Condition.AGENT_DOWN, 30),),
        "AgentSREUnavailable",
    ),
    Outage(
        "canary-unreachable",
        "no call of agent-sre reaches the canary for 30 minutes",
        ((Condition.CANARY_UNREACHABLE, 30),),
        "AgentSREUnavailable",
    ),
    Outage(
        "prober-down",
        "slo-probe has no pod for 30 minutes",
        ((Condition.PROBER_DOWN, 30),),
        "SLOProbeDown",
    ),
    Outage(
        "linear-down",
        "Linear refuses every request for 30 minutes",
        ((Condition.LINEAR_DOWN, 30),),
        "",
    ),
    Outage(
        "node-drain",
        "a node is drained: slo-probe is away for 90 seconds, agent-sre for 30",
        ((Condition.PROBER_DOWN, 1.5), (Condition.AGENT_DOWN, 0.5)),
        "",
    ),
)


@cache
def load_overlay(name: str) -> LoadedConfig:
    """Load the prober's configuration of an overlay."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_loopback_config(build_overlay(name), Path(folder)).file
        loaded, problems = load_config(file)
    assert loaded, problems
    return loaded


def list_pages() -> list[str]:
    """List the alerts that page."""
    rules = list_alert_rules(read_rules())
    return sorted({each.alert for each in rules if each.labels["severity"] == "critical"})


def replay_outage(
    outage: Outage,
    outcomes: Outcomes,
    folder: Path,
    *,
    names: Iterable[str] | None = None,
    minutes: int = MINUTES,
) -> list[Episode]:
    """Replay an outage at the rates of the studio overlay; list what fires because of it.

    An alert that fires before the outage is about a young or known state, and is left out.

    Args:
        outage: the outage.
        outcomes: what runs find.
        folder: folder for files.
        names: the alerts to evaluate; all by default.
        minutes: length of the replay.
    """
    groups = read_rules(names)
    history = History(list_metrics(groups))
    periods = outage.periods
    ProberReplay(load_overlay("studio"), outcomes, periods, history).run(minutes)

    def has_pod(seconds: float) -> bool:
        gone = (each for each in periods if each.condition is Condition.AGENT_DOWN)
        return not any(each.contains(seconds) for each in gone)

    add_cluster(history, minutes * 2, has_pod=has_pod)
    found = find_episodes(groups, history, folder, minutes=range(minutes))
    return [episode for episode in found if episode.start >= LEAD]


def write_episodes(episodes: dict[str, list[Episode]]) -> None:
    """Write the episodes of all outages."""
    document = {
        name: [
            {"labels": dict(each.labels), "start": each.start, "end": each.end} for each in found
        ]
        for name, found in episodes.items()
    }
    text = "# Written by make outages: which alerts fire in each outage, by minute of the replay.\n"
    EPISODES.write_text(text + yaml.safe_dump(document, sort_keys=False, width=100))


def read_episodes() -> dict[str, list[Episode]]:
    """Read the episodes of all outages."""
    document = yaml.safe_load(EPISODES.read_text())
    return {
        name: [
            Episode(tuple(sorted(each["labels"].items())), each["start"], each["end"])
            for each in found
        ]
        for name, found in document.items()
    }
