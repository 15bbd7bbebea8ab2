"""Context of probes and scenarios: the components that they may use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.leakdetection.explanation import LeakJudgement
from exporter.metrics.gauges import Gauges
from exporter.model.deadlines import Targets
from exporter.paths import Path, PathContext
from exporter.prober.health import ProberHealth
from exporter.prober.history import RunHistory
from exporter.prober.runner import AlertRunner
from exporter.prometheus import PrometheusClient


@dataclass(frozen=True, slots=True)
class ProbeState:
    """State of probes and observers that outlives a reload of the configuration.

    Attributes:
        started: monotonic seconds of the process start.
        values: state of each probe by its name, and of each observer by `observers.` and its name.
        leaks: last judgement of leaks of the target and of this prober, for the pages.
    """

    started: float
    values: dict[str, Any] = field(default_factory=dict)
    leaks: dict[str, LeakJudgement] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """Components that a probe may use.

    Attributes:
        alert_runner: alert runner; its runs are recorded in the journal and judged.
        path_context: connection to agent-sre for requests that are no alerts.
        paths: delivery paths by name.
        targets: latency targets of the specs.
        gauges: gauges of the prober.
        history: last runs of this prober.
        health: health of the prober; it holds the lease and the abort.
        state: state of probes that outlives a reload of the configuration.
        count_open_runs: counts the runs that are not finished.
        prometheus: client for the metrics of other processes, where one is configured.
    """

    alert_runner: AlertRunner
    path_context: PathContext
    paths: Mapping[str, Path]
    targets: Targets
    gauges: Gauges
    history: RunHistory
    health: ProberHealth
    state: ProbeState
    count_open_runs: Callable[[], int]
    prometheus: PrometheusClient | None = None
