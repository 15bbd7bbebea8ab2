"""The last runs, for people."""

from collections.abc import Callable, Iterable, Iterator

from exporter.result import ProbeResult

KEPT = 100
"""Results kept for `/runs`."""


def _nobody(_: ProbeResult) -> None:
    """Nobody wants to know."""


class Recent:
    """Runs by id, the newest first; what is learned of one later takes its place."""

    def __init__(self, runs: Iterable[ProbeResult] = ()) -> None:
        self._runs: dict[str, ProbeResult] = {}
        self.hears: Callable[[ProbeResult], None] = _nobody
        """Told of each run that is added."""
        for run in runs:
            self.add(run)

    def __iter__(self) -> Iterator[ProbeResult]:
        return reversed(list(self._runs.values()))

    def add(self, run: ProbeResult) -> None:
        """Show a run, or what is known of it by now."""
        self._runs[run.id] = run
        if len(self._runs) > KEPT:
            del self._runs[next(iter(self._runs))]
        self.hears(run)

    def update(self, run: ProbeResult) -> None:
        """Show what is known of a run by now, if it is shown at all."""
        if run.id in self._runs:
            self._runs[run.id] = run
