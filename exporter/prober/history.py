"""History: the last runs, for pages and probes."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

from exporter.model.run import Run

HISTORY_SIZE = 100
"""Runs kept for `/runs`."""


class RunHistory:
    """Last runs by id, the newest first. An update of a run takes its place."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs: dict[str, Run] = {}
        self._listeners: list[Callable[[Run], None]] = []
        for run in runs:
            self.add(run)

    def __iter__(self) -> Iterator[Run]:
        return reversed(list(self._runs.values()))

    @contextlib.contextmanager
    def listen(self, listener: Callable[[Run], None]) -> Iterator[None]:
        """Call a function with each run that is added, for as long as the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def add(self, run: Run) -> None:
        """Add a run, or replace it by its newest version."""
        self._runs[run.id] = run
        if len(self._runs) > HISTORY_SIZE:
            del self._runs[next(iter(self._runs))]
        for listener in self._listeners:
            listener(run)

    def update(self, run: Run) -> None:
        """Replace a run by its newest version, if it is still in the history."""
        if run.id in self._runs:
            self._runs[run.id] = run
