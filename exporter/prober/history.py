"""History: the last runs and failures, and counts of verdicts, for pages and probes."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from exporter.journal.rows import VerdictCount
from exporter.model.run import Run
from exporter.prober.verdict_counts import VerdictCounts
from slos.schema.contract import Verdict

HISTORY_SIZE = 100
"""Runs kept for `/runs`."""
FAILURES_SIZE = 200
"""Runs with another verdict than `ok` that are kept, however many runs follow."""


class RunHistory:
    """Last runs by id, the newest first. An update of a run takes its place."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._failures: dict[str, Run] = {}
        self._listeners: list[Callable[[Run], None]] = []
        self.counts = VerdictCounts()

    def __iter__(self) -> Iterator[Run]:
        return reversed(list(self._runs.values()))

    def list_failures(self) -> list[Run]:
        """List the last runs with another verdict than `ok`, the newest first."""
        return list(reversed(self._failures.values()))

    @contextlib.contextmanager
    def listen(self, listener: Callable[[Run], None]) -> Iterator[None]:
        """Call a function with each run that is added, for as long as the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def restore(self, runs: Sequence[Run], *, failures: Sequence[Run]) -> None:
        """Add runs of earlier processes, each list with the newest first."""
        for run in reversed(failures):
            _put(self._failures, run, size=FAILURES_SIZE)
        for run in reversed(runs):
            self.add(run)

    def add(self, run: Run) -> None:
        """Add a run, or replace it by its newest version."""
        _put(self._runs, run, size=HISTORY_SIZE)
        if run.verdict is not Verdict.OK:
            _put(self._failures, run, size=FAILURES_SIZE)
        for listener in self._listeners:
            listener(run)

    def count(self, run: Run) -> None:
        """Count the verdict of a run."""
        self.counts.add(VerdictCount(run.probe, run.path, run.verdict, run.intended_at))

    def update(self, run: Run) -> None:
        """Replace a run by its newest version, if it is still in the history."""
        for runs in (self._runs, self._failures):
            if run.id in runs:
                runs[run.id] = run


def _put(runs: dict[str, Run], run: Run, *, size: int) -> None:
    runs[run.id] = run
    if len(runs) > size:
        del runs[next(iter(runs))]
