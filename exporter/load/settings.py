"""Settings of every scenario: how long to wait for what becomes of its events. Pure."""

from abc import abstractmethod
from collections.abc import Iterable

from exporter.fields import Length, Section
from exporter.means import Targets
from exporter.watch import Patience
from slos.schema.contract import Stage
from slos.schema.units import Duration


class Load(Section):
    """The patience of a load; what is sent is for each scenario to say."""

    timeout: Length = Duration.of(seconds=70)
    """Time from the intended send of an event to its verdict. Default 70s: as for the probes. A
    step in which events are lost takes that long, for only then are they known to be."""
    settle: Length = Duration.of(seconds=5)
    """Time to wait for a second execution after reply and first execution. Default 5s."""
    late_after: Length | None = None
    """End-to-end time above which an execution is late. Default: the end_to_end target of the
    specs."""
    max_send_lag: Length = Duration.of(seconds=1)
    """Delay between intended and actual send above which an event is `unknown`. Default 1s. With
    more than one in a hundred of these, the prober was too slow and the scenario ends."""
    rest: Length = Duration.of(seconds=5)
    """Pause between two steps, once everything of the first is judged. Default 5s."""

    @abstractmethod
    def most_events(self) -> int:
        """The most events that one run can send."""

    def findings(self, targets: Targets) -> Iterable[tuple[str, str, str]]:
        """What is wrong beside the specs, as key, message and hint."""
        late_after = self.late_after or targets.get(Stage.END_TO_END)
        if late_after is None:
            message = "late_after is not set and no spec has a target for end_to_end"
            yield "late_after", message, "list the spec under specs, or set late_after: 60s"
        elif not late_after < self.timeout:
            message = f"late_after {late_after} is not below timeout {self.timeout}"
            yield "late_after", message, "raise timeout, or an execution can never be late"

    def patience(self, targets: Targets) -> Patience:
        """What an event waits for, in seconds."""
        late_after = self.late_after or targets[Stage.END_TO_END]
        return Patience(
            timeout=float(self.timeout.seconds),
            settle=float(self.settle.seconds),
            late_after=float(late_after.seconds),
            max_send_lag=float(self.max_send_lag.seconds),
        )
