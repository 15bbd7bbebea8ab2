"""Status of a prober: what pages and /metrics are drawn from, also on standby."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from exporter import version
from exporter.loadtest.metrics import Readings
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import Line, Metrics
from exporter.model.deadlines import Targets
from exporter.prober.context import ProbeState
from exporter.prober.history import Recent
from exporter.schedule.clock import Clock
from exporter.schedule.scheduler import Pulse
from slos.schema.contract import Criterion


@dataclass(frozen=True, slots=True)
class Face:
    """Metrics, results of scenarios, heartbeat, run history and the state of the probes."""

    clock: Clock
    registry: CollectorRegistry
    metrics: Metrics
    gauges: Gauges
    readings: Readings
    pulse: Pulse
    recent: Recent
    state: ProbeState


def face(
    clock: Clock,
    *,
    beat: float,
    lines: Sequence[Line],
    targets: Targets,
    criteria: Collection[Criterion],
) -> Face:
    """Create the registry, the metrics and the heartbeat. Nothing is sent yet."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, lines=lines, targets=targets, criteria=criteria)
    gauges = Gauges(registry, version=version())
    now, readings = clock.now(), Readings(registry)
    pulse, state = Pulse(now, period=beat), ProbeState(started=now)
    return Face(clock, registry, metrics, gauges, readings, pulse, Recent(), state)
