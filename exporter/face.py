"""Status of a prober: what pages and /metrics are drawn from, also on standby."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from exporter.clock import Clock
from exporter.config import Loaded
from exporter.gauges import Gauges
from exporter.leak_sources.own import Own
from exporter.lines import criteria, lines
from exporter.load.readings import Readings
from exporter.metrics import Metrics
from exporter.pulse import Pulse
from exporter.recent import Recent
from exporter.version import version


@dataclass(frozen=True, slots=True)
class Face:
    """Metrics, results of scenarios, heartbeat, run history and resource usage of the process."""

    clock: Clock
    registry: CollectorRegistry
    metrics: Metrics
    gauges: Gauges
    readings: Readings
    pulse: Pulse
    recent: Recent
    own: Own


def face(loaded: Loaded, clock: Clock, *, beat: float) -> Face:
    """Create the registry, the metrics and the heartbeat. Nothing is sent yet."""
    registry = CollectorRegistry()
    metrics = Metrics(
        registry, lines=lines(loaded), targets=loaded.targets, criteria=criteria(loaded)
    )
    gauges = Gauges(registry, version=version())
    now, readings = clock.now(), Readings(registry)
    pulse, own = Pulse(now, period=beat), Own(started=now)
    return Face(clock, registry, metrics, gauges, readings, pulse, Recent(), own)
