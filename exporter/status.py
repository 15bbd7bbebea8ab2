"""Status of a prober: what pages and /metrics are drawn from, also on standby."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from exporter import read_version
from exporter.loadtest.metrics import ScenarioMetrics
from exporter.metrics.checks import CheckSettings
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import ProbePath, RunMetrics
from exporter.model.deadlines import Targets
from exporter.prober.context import ProbeState
from exporter.prober.history import RunHistory
from exporter.schedule.clock import Clock
from exporter.schedule.scheduler import Heartbeat


@dataclass(frozen=True, slots=True)
class Status:
    """Metrics, results of scenarios, heartbeat, run history and the state of the probes."""

    clock: Clock
    registry: CollectorRegistry
    metrics: RunMetrics
    gauges: Gauges
    scenario_metrics: ScenarioMetrics
    heartbeat: Heartbeat
    history: RunHistory
    state: ProbeState


def create_status(
    clock: Clock,
    *,
    heartbeat_interval: float,
    probe_paths: Sequence[ProbePath],
    targets: Targets,
    checks: CheckSettings,
) -> Status:
    """Create the registry, the metrics and the heartbeat. Nothing is sent yet."""
    registry = CollectorRegistry()
    metrics = RunMetrics(
        registry, probe_paths=probe_paths, targets=targets, checks=checks, wall=clock.wall
    )
    gauges = Gauges(registry, version=read_version())
    now, scenario_metrics = clock.now(), ScenarioMetrics(registry)
    heartbeat, state = Heartbeat(now, period=heartbeat_interval), ProbeState(started=now)
    return Status(
        clock, registry, metrics, gauges, scenario_metrics, heartbeat, RunHistory(), state
    )
