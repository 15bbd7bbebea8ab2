"""Rollouts, drains and ends: what becomes of runs under way, and that nothing waits for ever."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from exporter.config import Config
from tests.k8s.manifests import OVERLAYS, Json, Manifests, overlay, selects, with_component

EVERY_OVERLAY = pytest.mark.parametrize("name", OVERLAYS)
_KNOWN_EVERYWHERE = 5
"""Seconds from a readiness probe to rules on every node, in a cluster that is well."""
_AFTER_THE_RUNS = 2 + 5 + 5 + 2
"""Seconds: the last spans, a renewal under way, the Lease given up, the listeners."""


def _evictable(budget: Json, ready: Sequence[bool], pod: int) -> bool:
    """Whether the API server lets a running pod be evicted; `ready` tells of all pods."""
    assert "minAvailable" not in budget
    desired = max(len(ready) - int(budget["maxUnavailable"]), 0)
    healthy = sum(ready)
    if not ready[pod]:
        policy = budget.get("unhealthyPodEvictionPolicy", "IfHealthyBudget")
        if policy == "AlwaysAllow" or 0 < desired <= healthy:
            return True
    return healthy - desired > 0


def _finishes(strategy: Json, replicas: int) -> bool:
    """Whether a rollout ends although no new pod is ready before every old one is gone."""
    if strategy["type"] == "Recreate":
        return True
    most = strategy["rollingUpdate"]["maxUnavailable"]
    part = int(str(most).removesuffix("%")) / 100 * replicas if "%" in str(most) else int(most)
    return int(part) >= replicas


@EVERY_OVERLAY
def test_the_budget_is_about_the_pods_of_the_prober(name: str) -> None:
    built = overlay(name)
    selector = built.one("PodDisruptionBudget")["spec"]["selector"]
    labels = [pod["metadata"]["labels"] for _, pod in built.pods()]
    assert [selects(selector, each) for each in labels] == [True, False, False, False]


@EVERY_OVERLAY
@pytest.mark.parametrize("ready", [True, False])
def test_a_drain_never_waits_for_the_prober(name: str, ready: bool) -> None:  # noqa: FBT001 - a case
    built = overlay(name)
    assert built.one("Deployment")["spec"]["replicas"] == 1
    assert _evictable(built.one("PodDisruptionBudget")["spec"], [ready], 0)


def test_either_of_two_probers_can_be_evicted(tmp_path: Path) -> None:
    built = with_component("standby", tmp_path)
    budget = built.one("PodDisruptionBudget")["spec"]
    assert built.one("Deployment")["spec"]["replicas"] == 2
    for holder in (0, 1):
        ready = [holder == 0, holder == 1]
        assert _evictable(budget, ready, 0)
        assert _evictable(budget, ready, 1)
    # The budget for one would hold up every drain of the holder's node.
    assert not _evictable({**budget, "maxUnavailable": 1}, [True, False], 0)


@EVERY_OVERLAY
def test_a_rollout_does_not_wait_for_a_lease_or_a_volume_that_the_old_pod_has(name: str) -> None:
    spec = overlay(name).one("Deployment")["spec"]
    assert _finishes(spec["strategy"], spec["replicas"])
    assert not _finishes({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}}, 1)


def test_a_rollout_of_two_does_not_wait_for_the_one_that_stands_by(tmp_path: Path) -> None:
    built = with_component("standby", tmp_path)
    spec = built.one("Deployment")["spec"]
    assert _finishes(spec["strategy"], spec["replicas"])
    assert not built.all("PersistentVolumeClaim"), "two pods on two nodes cannot share one"
    (spread,) = built.prober["spec"]["topologySpreadConstraints"]
    assert selects(spread["labelSelector"], built.prober["metadata"]["labels"])
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway", "a cluster may have one node only"


@EVERY_OVERLAY
def test_nothing_is_sent_before_the_service_leads_to_the_prober(name: str) -> None:
    built = overlay(name)
    settings: Any = Config.model_validate(built.config)
    probe = built.container["readinessProbe"]
    found_ready = probe["periodSeconds"] + probe["timeoutSeconds"]
    assert settings.canary.reachable_after.seconds >= found_ready + _KNOWN_EVERYWHERE


def _grace(built: Manifests) -> float:
    settings: Any = Config.model_validate(built.config)
    return float(settings.shutdown_grace.seconds)


@EVERY_OVERLAY
def test_a_pod_is_killed_only_after_the_prober_had_time_to_end(name: str) -> None:
    built = overlay(name)
    assert built.prober["spec"]["terminationGracePeriodSeconds"] >= _grace(built) + _AFTER_THE_RUNS


@EVERY_OVERLAY
def test_a_prober_that_ends_is_still_called_about_runs_under_way(name: str) -> None:
    """Not ready from the signal on, it must not be taken for unready before the runs have ended."""
    built = overlay(name)
    probe = built.container["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= _grace(built)


def test_of_two_probers_one_that_lost_the_lease_is_soon_called_no_more(tmp_path: Path) -> None:
    built = with_component("standby", tmp_path)
    settings = Config.model_validate(built.config).lease
    probe = built.container["readinessProbe"]
    spare = settings.duration.seconds - settings.renew_deadline.seconds
    assert probe["periodSeconds"] * probe["failureThreshold"] <= spare


@EVERY_OVERLAY
def test_a_prober_that_is_stuck_is_restarted_and_one_that_starts_is_given_time(name: str) -> None:
    container = overlay(name).container
    start, live = container["startupProbe"], container["livenessProbe"]
    assert start["httpGet"] == live["httpGet"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 60
    assert live["periodSeconds"] * live["failureThreshold"] <= 60
