"""History of the last runs, for pages and for the log."""

import logging
from collections.abc import Callable, Iterable, Iterator

from exporter.model.run import Run
from slos.schema.contract import Verdict, is_load_probe

HISTORY_SIZE = 100
"""Runs kept for `/runs`."""


def _ignore_run(_: Run) -> None:
    """Ignore a run."""


class RunHistory:
    """Last runs by id, the newest first. An update of a run takes its place."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs: dict[str, Run] = {}
        self.on_add: Callable[[Run], None] = _ignore_run
        """Called with each run that is added."""
        for run in runs:
            self.add(run)

    def __iter__(self) -> Iterator[Run]:
        return reversed(list(self._runs.values()))

    def add(self, run: Run) -> None:
        """Add a run, or replace it by its newest version."""
        self._runs[run.id] = run
        if len(self._runs) > HISTORY_SIZE:
            del self._runs[next(iter(self._runs))]
        self.on_add(run)

    def update(self, run: Run) -> None:
        """Replace a run by its newest version, if it is still in the history."""
        if run.id in self._runs:
            self._runs[run.id] = run


def choose_log_level(run: Run) -> int:
    """Choose the log level of a run; runs of a load are logged at debug."""
    if is_load_probe(run.probe):
        return logging.DEBUG
    return logging.INFO if run.verdict is Verdict.OK else logging.WARNING


def log_run(log: logging.Logger, run: Run) -> None:
    """Log the verdict and the stage times of a run."""
    level = choose_log_level(run)
    if log.isEnabledFor(level):
        took = ", ".join(f"{stage} {seconds:.3f}s" for stage, seconds in run.stages.items())
        log.log(level, "%s: %s (%s) %s %s", run.probe, run.verdict, run.reason, run.id, took)
