"""The last runs, for pages and for the log."""

import logging
from collections.abc import Callable, Iterable, Iterator

from exporter.model.run import ProbeResult
from slos.schema.contract import LOAD, Verdict

KEPT = 100
"""Runs kept for `/runs`."""


def _nobody(_: ProbeResult) -> None:
    """Ignore a run."""


class Recent:
    """Last runs by id, the newest first. An update of a run takes its place."""

    def __init__(self, runs: Iterable[ProbeResult] = ()) -> None:
        self._runs: dict[str, ProbeResult] = {}
        self.hears: Callable[[ProbeResult], None] = _nobody
        """Called with each run that is added."""
        for run in runs:
            self.add(run)

    def __iter__(self) -> Iterator[ProbeResult]:
        return reversed(list(self._runs.values()))

    def add(self, run: ProbeResult) -> None:
        """Add a run, or replace it by its newest version."""
        self._runs[run.id] = run
        if len(self._runs) > KEPT:
            del self._runs[next(iter(self._runs))]
        self.hears(run)

    def update(self, run: ProbeResult) -> None:
        """Replace a run by its newest version, if it is still in the history."""
        if run.id in self._runs:
            self._runs[run.id] = run


def level_of(run: ProbeResult) -> int:
    """Choose the log level of a run; runs of a load are logged at debug."""
    if run.probe in LOAD:
        return logging.DEBUG
    return logging.INFO if run.verdict is Verdict.OK else logging.WARNING


def log_run(log: logging.Logger, run: ProbeResult) -> None:
    """Log the verdict and the stage times of a run."""
    level = level_of(run)
    if log.isEnabledFor(level):
        took = ", ".join(f"{stage} {seconds:.3f}s" for stage, seconds in run.stages.items())
        log.log(level, "%s: %s (%s) %s %s", run.probe, run.verdict, run.reason, run.id, took)
