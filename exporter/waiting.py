"""How long to wait for what becomes of an event, as probes and loads have it configured. Pure."""

from collections.abc import Iterable
from typing import Protocol

from exporter.means import Targets
from exporter.watch import Patience
from slos.schema.contract import Stage
from slos.schema.units import Duration


class Waiting(Protocol):
    """Settings that say how long."""

    @property
    def timeout(self) -> Duration:
        """From the intended send to the verdict."""

    @property
    def settle(self) -> Duration:
        """For a second execution."""

    @property
    def late_after(self) -> Duration | None:
        """Above which an execution is late; None for the target of the specs."""

    @property
    def max_send_lag(self) -> Duration:
        """Above which a send is the prober's fault."""


def findings(waiting: Waiting, targets: Targets) -> Iterable[tuple[str, str, str]]:
    """Faults that only show beside the specs, as key, message and hint."""
    late_after = waiting.late_after or targets.get(Stage.END_TO_END)
    if late_after is None:
        message = "late_after is not set and no spec has a target for end_to_end"
        yield "late_after", message, "list the spec under specs, or set late_after: 60s"
    elif not late_after < waiting.timeout:
        message = f"late_after {late_after} is not below timeout {waiting.timeout}"
        yield "late_after", message, "raise timeout, or an execution can never be late"


def patience(waiting: Waiting, targets: Targets) -> Patience:
    """What an event waits for, in seconds."""
    late_after = waiting.late_after or targets[Stage.END_TO_END]
    return Patience(
        timeout=float(waiting.timeout.seconds),
        settle=float(waiting.settle.seconds),
        late_after=float(late_after.seconds),
        max_send_lag=float(waiting.max_send_lag.seconds),
    )
