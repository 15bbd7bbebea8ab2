"""Guard of the normal probes: stops a scenario when too many of their runs fail during the load."""

from collections.abc import Callable
from math import inf

from exporter.loadtest.stop import StopReason, StopSignal
from exporter.model.run import Run
from slos.schema.contract import Verdict

_AVAILABLE = frozenset({Verdict.OK, Verdict.LATE})


class ProbeGuard:
    """Counts failed runs of the normal probes, and requests the stop when there are too many.

    Args:
        stop_signal: stop signal of the scenario run.
        allowed: failures that are tolerated.
        load_started_at: wall clock seconds of the start of the load; earlier runs do not count.
        is_measurement: returns whether a run is a measurement; a refused attack is none.
    """

    def __init__(
        self,
        stop_signal: StopSignal,
        *,
        allowed: int,
        load_started_at: float,
        is_measurement: Callable[[Run], bool],
    ) -> None:
        self._stop_signal = stop_signal
        self._allowed = allowed
        self._load_started_at = load_started_at
        self._is_measurement = is_measurement
        self._load_ended_at = inf
        self._runs: list[tuple[float, bool]] = []

    @property
    def failures(self) -> int:
        """Number of failed runs that were sent during the load."""
        return sum(not available for sent, available in self._runs if sent <= self._load_ended_at)

    def end_load(self, wall: float) -> None:
        """End the load: runs sent after this time no longer count."""
        self._load_ended_at = wall

    def record_run(self, run: Run) -> None:
        """Record a run that has its verdict; an unknown one is ignored."""
        if run.intended_at < self._load_started_at or run.verdict is Verdict.UNKNOWN:
            return
        if not self._is_measurement(run):
            return
        self._runs.append((run.intended_at, run.verdict in _AVAILABLE))
        if self.failures > self._allowed:
            self._stop_signal.request(StopReason.NORMAL_FAILURES)

    def is_available_after(self, wall: float) -> bool | None:
        """Return whether the last run sent after a time succeeded; None when there was none."""
        later = [run for run in self._runs if run[0] > wall]
        return max(later)[1] if later else None
