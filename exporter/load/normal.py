"""What the normal probes see while a load runs: it must not cost them more than is allowed."""

from collections.abc import Callable
from math import inf

from exporter.load.brake import Brake, Stop
from exporter.result import ProbeResult
from slos.schema.contract import Verdict

_AVAILABLE = frozenset({Verdict.OK, Verdict.LATE})


class NormalRuns:
    """Hears every run of the plan, and pulls the brake when too many failed.

    Args:
        brake: to pull.
        allowed: failures that are still borne.
        since: wall clock seconds; what was sent before is not the load's doing.
        measures: whether a run is a measurement; a refused attack is none.
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
        """Runs that were sent during the load and failed."""
        return sum(not available for sent, available in self._runs if sent <= self._until)

    def load_is_over(self, wall: float) -> None:
        """What is sent from now on is no longer the load's doing."""
        self._until = wall

    def hear(self, run: ProbeResult) -> None:
        """Take in a run that has its verdict; what is unknown says nothing."""
        if run.intended_at < self._since or run.verdict is Verdict.UNKNOWN:
            return
        if not self._measures(run):
            return
        self._runs.append((run.intended_at, run.verdict in _AVAILABLE))
        if self.failures > self._allowed:
            self._brake.pull(Stop.NORMAL_FAILURES)

    def available_after(self, wall: float) -> bool | None:
        """Whether the last run that was sent after a time succeeded; None when there was none."""
        later = [run for run in self._runs if run[0] > wall]
        return max(later)[1] if later else None
