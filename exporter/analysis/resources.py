"""Utilization, saturation and errors of the target's resources during a step. Pure.

The method is USE (Gregg, Systems Performance, 2nd edition, 2.5.9). A process is busy while it uses
the CPU or waits for it: on a machine that others load too, the CPU time alone would look low.
"""

from dataclasses import dataclass
from itertools import zip_longest

from exporter.analysis.measurements import Process, RunMeasurements, Step


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """Use of the resources of a process during a step; None is not measured.

    Attributes:
        process: name of the process or pod.
        source: `/proc` or `prometheus`.
        cpu: CPU seconds a second.
        run_delay: seconds a second for which it was ready and had no CPU.
        memory: largest resident memory in bytes.
        open_files: most open files.
        threads: most threads.
        errors: share of the events of the step that were not executed exactly once.
    """

    process: str
    source: str
    cpu: float | None
    run_delay: float | None
    memory: float | None
    open_files: float | None
    threads: float | None
    errors: float

    @property
    def busy(self) -> float | None:
        """Share of the time in which it used the CPU or waited for it."""
        return None if self.cpu is None else self.cpu + (self.run_delay or 0.0)


def measure_resources(run: RunMeasurements, step: Step) -> list[ResourceUse]:
    """Measure the use of all processes during a step."""
    return [_measure_process(process, step) for process in run.processes]


def find_busiest(run: RunMeasurements, step: Step) -> ResourceUse | None:
    """Find the process that was busiest during a step; None without readings."""
    known = [use for use in measure_resources(run, step) if use.busy is not None]
    return max(known, key=lambda use: use.busy or 0.0, default=None)


def _measure_process(process: Process, step: Step) -> ResourceUse:
    cpu, delay = process.select("cpu", step), process.select("run_delay", step)
    pairs = list(zip_longest(cpu, delay, fillvalue=0.0)) if cpu else []
    return ResourceUse(
        process.name,
        process.source,
        sum(used for used, _ in pairs) / len(pairs) if pairs else None,
        sum(delay) / len(delay) if delay else None,
        max(process.select("rss", step), default=None),
        max(process.select("open_files", step), default=None),
        max(process.select("threads", step), default=None),
        step.lost_share,
    )
