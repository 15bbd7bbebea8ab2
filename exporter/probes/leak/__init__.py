"""Leak probe: memory, files and other resources that grow without limit.

It reads the resources of the target's replicas from Prometheus, and those of this process from
/proc, once per slot. Periodically it judges both (`detector.py`). The verdicts are gauges. The
criterion is about the target alone, and is not counted while there is too little data.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from exporter.fields import DurationField, LabelName
from exporter.leakdetection.policy import LeakSignal
from exporter.prober.context import ProbeContext
from exporter.probes import Probe
from exporter.schedule.timetable import Schedule
from slos.schema import contract
from slos.schema.contract import Criterion
from slos.schema.units import Duration

CRITERIA = frozenset({Criterion.LEAKS})
_POD_SELECTOR = 'namespace="$namespace",pod=~"agent-sre-.*"'
_CONTAINER_SELECTOR = f'{_POD_SELECTOR},container=~"user-container|agent-sre"'
_SIGNAL_METRICS = {
    LeakSignal.WORKING_SET: ("container_memory_working_set_bytes",),
    LeakSignal.RSS: ("container_memory_rss",),
    # kube-prometheus-stack drops container_file_descriptors, and many programs export the other.
    LeakSignal.OPEN_FILES: ("process_open_fds", "container_file_descriptors"),
    LeakSignal.THREADS: ("container_threads",),
}
"""Metrics of each signal; of a replica that has several, the first counts."""


def _build_container_query(*metrics: str) -> str:
    return " or ".join(f"max by (pod) ({metric}{{{_CONTAINER_SELECTOR}}})" for metric in metrics)


class Settings(Schedule):
    """Settings of the leak probe."""

    interval: DurationField = Duration.from_parts(minutes=1)
    """Time between two readings of this process. Default 1m: each baseline value needs at least
    five."""
    timeout: DurationField = Duration.from_parts(seconds=50)
    """Time for one slot, with all queries to Prometheus. Default 50s."""
    judged_every: DurationField = Duration.from_parts(minutes=15)
    """Time between two verdicts. Default 15m: the shortest time of a baseline value."""
    window: DurationField = Duration.from_parts(hours=48)
    """Range of the samples. Default 48h: two days, because a daily pattern can hide growth within
    one day."""
    step: DurationField = Duration.from_parts(minutes=1)
    """Time between two samples of the target. Default 1m."""
    signals: dict[Annotated[LeakSignal, Field(strict=False)], str] = Field(
        default={
            signal: _build_container_query(*metrics) for signal, metrics in _SIGNAL_METRICS.items()
        }
    )
    """Query for each signal, with one series per replica: working_set, rss, open_files, threads,
    close_wait, queue_depth, open_tickets. Default: the cAdvisor metrics of the containers of
    agent-sre, and for open_files `process_open_fds` where Prometheus scrapes it from agent-sre. A
    signal without a series gets no verdict, and is reported as not observed."""
    replica_label: LabelName = "pod"
    """Label that identifies a replica. Default pod."""
    starts: str = f"max by (pod) (kube_pod_start_time{{{_POD_SELECTOR}}})"
    """Query for the start time of each replica; a trend never spans a restart. Default: the metric
    of kube-state-metrics. If empty, there is no such query."""
    restarts: str = _build_container_query("kube_pod_container_status_restarts_total")
    """Query for the number of restarts of each replica. If empty, there is no such query."""
    events: str = f'sum({contract.PROBE_RUNS}{{verdict!~"unknown|unreachable"}})'
    """Query for a counter of the events of each replica over the last seven days; a series without
    the replica label applies to all. Default: the alerts of this prober, because agent-sre has no
    such counter. The first 6,000 events are the warm-up, because they fill lists of limited size; a
    memory leak loses more than 64 bytes per event. If empty, the warm-up is two hours."""

    @model_validator(mode="after")
    def _check_window(self) -> "Settings":
        if self.window < self.step * 10:
            raise ValueError(
                f"window {self.window} is shorter than ten steps of {self.step}; for example 48h"
            )
        return self


def list_label_pairs(_: Settings) -> Sequence[tuple[str, str]]:
    """List no label pairs: no alert is sent."""
    return ()


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build the one probe."""
    from exporter.probes.leak.probe import LeakProbe  # noqa: PLC0415 - it imports NumPy

    return [LeakProbe(settings, context)]
