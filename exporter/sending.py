"""Settings of every probe that sends alerts: how long to wait for what becomes of them. Pure."""

from collections.abc import Iterable, Mapping

from exporter.fields import Length
from exporter.rhythm import Rhythm
from exporter.watch import Patience
from slos.schema.contract import Stage
from slos.schema.units import Duration


class Sending(Rhythm):
    """A rhythm, and the patience of a run."""

    settle: Length = Duration.of(seconds=5)
    """Time to wait for a second execution after reply and first execution. Default 5s: what
    agent-sre repeats comes within milliseconds, what a broker in front repeats within seconds.
    A call that comes later still is counted as `after_verdict`."""
    late_after: Length | None = None
    """End-to-end time above which an execution is late. Default: the end_to_end target of the
    specs, so that verdict and SLO agree."""

    def findings(self, targets: Mapping[Stage, Duration]) -> Iterable[tuple[str, str, str]]:
        """Faults that only show beside the specs."""
        late_after = self.late_after or targets.get(Stage.END_TO_END)
        if late_after is None:
            message = "late_after is not set and no spec has a target for end_to_end"
            yield "late_after", message, "list the spec under specs, or set late_after: 60s"
        elif not late_after < self.timeout:
            message = f"late_after {late_after} is not below timeout {self.timeout}"
            yield "late_after", message, "raise timeout, or an execution can never be late"

    def patience(self, targets: Mapping[Stage, Duration]) -> Patience:
        """What a run waits for, in seconds."""
        late_after = self.late_after or targets[Stage.END_TO_END]
        return Patience(
            timeout=float(self.timeout.seconds),
            settle=float(self.settle.seconds),
            late_after=float(late_after.seconds),
            max_send_lag=float(self.max_send_lag.seconds),
        )
