"""Guard that stops a load when too many runs of the normal probes fail."""

from collections.abc import Callable
from math import inf

from exporter.load.brake import Brake, Stop
from exporter.model.run import ProbeResult
from slos.schema.contract import Verdict

_AVAILABLE = frozenset({Verdict.OK, Verdict.LATE})


class NormalRuns:
    """Counts failed runs of the normal probes, and requests the stop when there are too many.

    Args:
        brake: stop signal of the scenario run.
        allowed: failures that are tolerated.
        since: wall clock seconds of the start of the load; earlier runs do not count.
        measures: returns whether a run is a measurement; a refused attack is none.
    """

    def __init__(
        self,
        brake: Brake,
        *,
        allowed: int,
        since: float,
        measures: Callable[[ProbeResult], bool],
    ) -> None:
        self._brake = brake
        self._allowed = allowed
        self._since = since
        self._measures = measures
        self._until = inf
        self._runs: list[tuple[float, bool]] = []

    @property
    def failures(self) -> int:
        """Number of failed runs that were sent during the load."""
        return sum(not available for sent, available in self._runs if sent <= self._until)

    def load_is_over(self, wall: float) -> None:
        """End the load: runs sent after this time no longer count."""
        self._until = wall

    def hear(self, run: ProbeResult) -> None:
        """Record a run that has its verdict; an unknown one is ignored."""
        if run.intended_at < self._since or run.verdict is Verdict.UNKNOWN:
            return
        if not self._measures(run):
            return
        self._runs.append((run.intended_at, run.verdict in _AVAILABLE))
        if self.failures > self._allowed:
            self._brake.pull(Stop.NORMAL_FAILURES)

    def available_after(self, wall: float) -> bool | None:
        """Return whether the last run sent after a time succeeded; None when there was none."""
        later = [run for run in self._runs if run[0] > wall]
        return max(later)[1] if later else None
