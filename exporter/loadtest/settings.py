"""Settings that every scenario has: the deadlines of its events. Pure."""

from abc import abstractmethod
from collections.abc import Iterable

from exporter.fields import Length, Section
from exporter.model import deadlines
from exporter.model.deadlines import Patience, Targets
from slos.schema.units import Duration


class Load(Section):
    """Deadlines of the events of a load. Each scenario adds the settings of what it sends."""

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
        """Count the most events that one run can send."""

    def findings(self, targets: Targets) -> Iterable[tuple[str, str, str]]:
        """Find mistakes that only show with the specs, as key, message and hint."""
        return deadlines.findings(self, targets)

    def patience(self, targets: Targets) -> Patience:
        """Return the deadlines of an event in seconds."""
        return deadlines.patience(self, targets)
