"""Context that probes and scenarios get, and the outcome that probes return."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.metrics.gauges import Gauges
from exporter.model.deadlines import Targets
from exporter.model.run import Run
from exporter.paths import Path, PathContext
from exporter.prober.runner import AlertRunner
from exporter.prometheus import PrometheusClient
from slos.schema.contract import Criterion


@dataclass(frozen=True, slots=True)
class ProbeState:
    """State of probes that outlives a reload of the configuration.

    Attributes:
        started: monotonic seconds of the process start.
        values: state of each probe, by the name of the probe.
    """

    started: float
    values: dict[str, Any] = field(default_factory=dict)


def _return_true() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """Components that a probe may use.

    Attributes:
        alert_runner: alert runner; its runs are recorded in the journal and judged.
        path_context: connection to agent-sre for requests that are no alerts.
        paths: delivery paths by name.
        targets: latency targets of the specs.
        gauges: gauges of the prober.
        prometheus: client for the metrics of other processes, where one is configured.
        abort: set when nothing may wait any longer.
        count_open_runs: counts the runs that are not finished, for the leak probe.
        state: what probes keep over a reload of the configuration.
        may_send: whether this prober, of several, holds the lease.
    """

    alert_runner: AlertRunner
    path_context: PathContext
    paths: Mapping[str, Path]
    targets: Targets
    gauges: Gauges
    prometheus: PrometheusClient | None = None
    abort: asyncio.Event = field(default_factory=asyncio.Event)
    count_open_runs: Callable[[], int] | None = None
    state: ProbeState | None = None
    may_send: Callable[[], bool] = _return_true


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """Outcome of one slot of a probe.

    Attributes:
        runs: runs of the alerts that it sent.
        checks: criteria that it checked in addition, and whether each was met.
        notes: one line of text for each check that was not met.
        failed: whether nothing was measured, because the probe could not do its work.
    """

    runs: tuple[Run, ...] = ()
    checks: tuple[tuple[Criterion, bool], ...] = ()
    notes: tuple[str, ...] = ()
    failed: bool = False
