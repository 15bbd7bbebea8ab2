"""The last runs, for people."""

from collections.abc import Iterable, Iterator

from exporter.result import ProbeResult

KEPT = 100
"""Results kept for `/runs`."""


class Recent:
    """Runs by id, the newest first; what is learned of one later takes its place."""

    def __init__(self, runs: Iterable[ProbeResult] = ()) -> None:
        self._runs: dict[str, ProbeResult] = {}
        for run in runs:
            self.add(run)

    def __iter__(self) -> Iterator[ProbeResult]:
        return reversed(list(self._runs.values()))

    def add(self, run: ProbeResult) -> None:
        """Show a run, or what is known of it by now."""
        self._runs[run.id] = run
        if len(self._runs) > KEPT:
            del self._runs[next(iter(self._runs))]

    def update(self, run: ProbeResult) -> None:
        """Show what is known of a run by now, if it is shown at all."""
        if run.id in self._runs:
            self._runs[run.id] = run
