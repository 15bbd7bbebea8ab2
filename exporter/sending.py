"""Settings of every probe that sends alerts: a schedule and the deadlines of a run. Pure."""

from collections.abc import Iterable

from exporter import waiting
from exporter.fields import Length
from exporter.rhythm import Rhythm
from exporter.waiting import Patience, Targets
from slos.schema.units import Duration


class Sending(Rhythm):
    """A schedule, and the deadlines of a run."""

    settle: Length = Duration.of(seconds=5)
    """Time to wait for a second execution after reply and first execution. Default 5s: what
    agent-sre repeats comes within milliseconds, what a broker in front repeats within seconds.
    A call that comes later still is counted as `after_verdict`."""
    late_after: Length | None = None
    """End-to-end time above which an execution is late. Default: the end_to_end target of the
    specs, so that verdict and SLO agree."""

    def findings(self, targets: Targets) -> Iterable[tuple[str, str, str]]:
        """Find mistakes that only show with the specs, as key, message and hint."""
        return waiting.findings(self, targets)

    def patience(self, targets: Targets) -> Patience:
        """Return the deadlines of a run in seconds."""
        return waiting.patience(self, targets)
