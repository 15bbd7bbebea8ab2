"""Timeout, settle time, late threshold: settings and values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from exporter.fields import Length
from exporter.schedule.timetable import Rhythm
from slos.schema.contract import Stage
from slos.schema.units import Duration

Targets = Mapping[Stage, Duration]


@dataclass(frozen=True, slots=True)
class Patience:
    """Deadlines of a run, in seconds.

    Attributes:
        timeout: from the intended send to the verdict.
        settle: wait for a second execution, after the reply and the first execution.
        late_after: from the start of the clock to the execution; more is late.
        max_send_lag: from the intended to the actual send; more is a fault of the prober.
    """

    timeout: float
    settle: float
    late_after: float
    max_send_lag: float


class Waiting(Protocol):
    """Settings that hold deadlines."""

    @property
    def timeout(self) -> Duration:
        """Time from the intended send to the verdict."""

    @property
    def settle(self) -> Duration:
        """Time to wait for a second execution."""

    @property
    def late_after(self) -> Duration | None:
        """Time above which an execution is late; None for the target of the specs."""

    @property
    def max_send_lag(self) -> Duration:
        """Send lag above which a run is unknown, since the prober is at fault."""


def findings(waiting: Waiting, targets: Targets) -> Iterable[tuple[str, str, str]]:
    """Find mistakes in deadlines that only show with the specs, as key, message and hint."""
    late_after = waiting.late_after or targets.get(Stage.END_TO_END)
    if late_after is None:
        message = "late_after is not set and no spec has a target for end_to_end"
        yield "late_after", message, "list the spec under specs, or set late_after: 60s"
    elif not late_after < waiting.timeout:
        message = f"late_after {late_after} is not below timeout {waiting.timeout}"
        yield "late_after", message, "raise timeout, or an execution can never be late"


def patience(waiting: Waiting, targets: Targets) -> Patience:
    """Return the deadlines in seconds."""
    late_after = waiting.late_after or targets[Stage.END_TO_END]
    return Patience(
        timeout=float(waiting.timeout.seconds),
        settle=float(waiting.settle.seconds),
        late_after=float(late_after.seconds),
        max_send_lag=float(waiting.max_send_lag.seconds),
    )


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
        return findings(self, targets)

    def patience(self, targets: Targets) -> Patience:
        """Return the deadlines of a run in seconds."""
        return patience(self, targets)
