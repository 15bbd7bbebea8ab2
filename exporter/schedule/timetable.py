"""Schedule of a probe: interval, timeout and jitter, the settings that every probe has. Pure."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal

from pydantic import Field, model_validator

from exporter.fields import DurationField, Section, Share, in_unit
from slos.schema.contract import Stage
from slos.schema.units import Duration

_SLACK_FOR_JITTER = 0.8
"""Share of the time between timeout and next slot that jitter may use. The rest is for judging
and writing; without it a run at its timeout would delay the next one."""
_SLACK_FOR_START = 0.1
"""Share of the time between timeout and next slot by which a run may be started early."""


class Schedule(Section):
    """Schedule settings of a probe. The settings of each probe extend these."""

    interval: DurationField = Duration.from_parts(seconds=75)
    """Time between two events. Default 75s: 48 per hour, and longer than the timeout."""
    timeout: DurationField = Duration.from_parts(seconds=70)
    """Time from the intended send to the verdict. Default 70s: agent-sre gives up after 65 s (5 s
    health check and 60 s function), and an execution after the end-to-end target of 60 s is still
    seen, as `late`."""
    jitter: Share = Decimal("0.1")
    """Maximum jitter of a slot, as a share of the interval. Default 10%, so that slots do not
    coincide with other periodic work. The same slot always has the same jitter. With a single run
    at a time it is limited so that two runs never overlap."""
    max_in_flight: int = Field(default=1, ge=1, le=1000, json_schema_extra=in_unit("runs"))
    """Maximum number of runs in flight. Default 1: more would be a load test. A slot above this
    limit is counted as missed and does not wait."""
    max_send_lag: DurationField = Duration.from_parts(seconds=1)
    """Delay between intended and actual send, or pause of the prober, above which a run is
    `unknown`. Default 1s: a fifth of the tightest target (5 s). Short pauses add up within five
    times as long."""

    def find_problems(self, targets: Mapping[Stage, Duration]) -> Iterable[tuple[str, str, str]]:  # noqa: ARG002 - for overrides that use them
        """Find mistakes that only show with the targets of the specs, as key, message and hint."""
        return ()

    @model_validator(mode="after")
    def _check_timeout_below_interval(self) -> "Schedule":
        room = self.interval * self.max_in_flight
        if self.timeout < self.interval or self.timeout < room:
            return self
        raise ValueError(
            f"timeout {self.timeout} is not below interval {self.interval}, "
            "so runs would overlap and slots would be missed; "
            "raise interval (the default is 75s with timeout 70s, as agent-sre gives up "
            "after 65 s), "
            f"or set max_in_flight to {self.timeout.ms // self.interval.ms + 1}"
        )


class Timetable:
    """Times of the slots of one probe on the wall clock, without end.

    Slot k lies at phase + k * interval + jitter(k). Phase and jitter come from hashes of the
    probe's name. So a restart continues with the same slots, and probes do not all start at once.
    """

    def __init__(self, probe: str, schedule: Schedule) -> None:
        self.probe = probe
        self.interval = float(schedule.interval.seconds)
        self.max_in_flight = schedule.max_in_flight
        self.phase = _hash_to_fraction(probe) * self.interval
        self.max_jitter = _limit_jitter(schedule)
        room = self.interval * schedule.max_in_flight - float(schedule.timeout.seconds)
        self.slack = room * _SLACK_FOR_START
        """Seconds by which a run may be started early without overlapping another."""

    def get_slot_time(self, slot: int) -> float:
        """Return the wall clock seconds of a slot."""
        jitter = _hash_to_fraction(f"{self.probe}/{slot}") * self.max_jitter
        return self.phase + slot * self.interval + jitter

    def find_slot_after(self, wall: float) -> int:
        """Find the first slot after a wall clock time."""
        slot = math.floor((wall - self.phase - self.max_jitter) / self.interval)
        while self.get_slot_time(slot) <= wall:
            slot += 1
        return slot


def _limit_jitter(schedule: Schedule) -> float:
    wanted = float(schedule.jitter * schedule.interval.seconds)
    if schedule.max_in_flight > 1:
        return wanted
    room = float(schedule.interval.seconds - schedule.timeout.seconds) * _SLACK_FOR_JITTER
    return min(wanted, room)


def _hash_to_fraction(text: str) -> float:
    """Hash a text to a number from 0 up to 1."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
