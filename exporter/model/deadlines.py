"""Deadlines of a run: timeout, settle time and late threshold, as settings and as values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from exporter.fields import DurationField
from exporter.schedule.timetable import Schedule
from slos.schema.contract import Stage
from slos.schema.units import Duration

Targets = Mapping[Stage, Duration]


@dataclass(frozen=True, slots=True)
class Deadlines:
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


class DeadlineSettings(Protocol):
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


def find_deadline_problems(
    settings: DeadlineSettings, targets: Targets
) -> Iterable[tuple[str, str, str]]:
    """Find mistakes in deadlines that only show with the specs, as key, message and hint."""
    late_after = settings.late_after or targets.get(Stage.END_TO_END)
    if late_after is None:
        message = "late_after is not set and no spec has a target for end_to_end"
        yield "late_after", message, "list the spec under specs, or set late_after: 60s"
    elif not late_after < settings.timeout:
        message = f"late_after {late_after} is not below timeout {settings.timeout}"
        yield "late_after", message, "raise timeout; otherwise no execution can be late"


def to_deadlines(settings: DeadlineSettings, targets: Targets) -> Deadlines:
    """Return the deadlines in seconds."""
    late_after = settings.late_after or targets[Stage.END_TO_END]
    return Deadlines(
        timeout=float(settings.timeout.seconds),
        settle=float(settings.settle.seconds),
        late_after=float(late_after.seconds),
        max_send_lag=float(settings.max_send_lag.seconds),
    )


class AlertProbeSettings(Schedule):
    """A schedule, and the deadlines of a run."""

    SENDS_END: ClassVar[bool] = False
    """True if the probe also sends the end of each alert."""

    settle: DurationField = Duration.from_parts(seconds=5)
    """Time to wait for a second execution after the reply and the first execution. Default 5s:
    repetitions by agent-sre arrive within milliseconds, those of a broker within seconds. A later
    call is counted as `after_verdict`."""
    late_after: DurationField | None = None
    """End-to-end time above which an execution is late. Default: the end_to_end target of the
    specs, so that verdict and SLO agree."""

    def find_problems(self, targets: Targets) -> Iterable[tuple[str, str, str]]:
        """Find mistakes that only show with the specs, as key, message and hint."""
        return find_deadline_problems(self, targets)

    def resolve_settings(self, path: str) -> "AlertProbeSettings":  # noqa: ARG002 - for overrides that use it
        """Return the settings that apply on a path."""
        return self

    def name_setting(self, path: str, key: str) -> str:  # noqa: ARG002 - for overrides that use it
        """Return the name of the setting that applies on a path."""
        return key

    def to_deadlines(self, targets: Targets) -> Deadlines:
        """Return the deadlines of a run in seconds."""
        return to_deadlines(self, targets)
