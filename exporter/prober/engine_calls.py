"""Calls of the canary for events that a load engine sent. In memory, bounded.

The ids say which events they are, so a million of them take a byte each. The end-to-end time is the
difference of two wall clocks: that of the machine of the engine, and that of the prober.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from exporter.model.alert import CanaryIdentity
from exporter.model.engine_event import (
    MAX_STEPS,
    EngineEvent,
    build_engine_parameters,
    parse_engine_id,
)
from exporter.schedule.clock import Clock

FORMAT, VERSION = "slo-probe/engine-calls", 1
_MAX_AGE = 600.0
"""Seconds since the send up to which a call is of an event of a load; clocks may differ by it."""
_MAX_RUNS = 4
_MAX_EVENTS = 8_000_000
"""Events of one run that are told apart, a byte each."""
_LONGEST = 3_600_000_000
_DIGITS = 3
_ONCE, _TWICE = 1, 2


@dataclass
class _StepCalls:
    """Calls of one step.

    Attributes:
        calls: number of calls by event, up to two.
        corrupted: calls whose parameters were not those of their event.
        latencies: microseconds from the send to the first call.
    """

    calls: bytearray = field(default_factory=bytearray)
    corrupted: int = 0
    latencies: Any = field(default_factory=lambda: HdrHistogram(1, _LONGEST, _DIGITS))


class EngineCalls:
    """Calls by run of an engine and step.

    Args:
        canary: identity of the canary in the alerts.
        clock: clock of the arrivals.
    """

    def __init__(self, canary: CanaryIdentity, clock: Clock) -> None:
        self._canary = canary
        self._clock = clock
        self._runs: OrderedDict[str, dict[int, _StepCalls]] = OrderedDict()

    def add_call(self, run_id: str, parameters: Mapping[str, object]) -> bool:
        """Add a call; return whether its id is that of an event that an engine sent lately."""
        event = parse_engine_id(run_id)
        latency = 0.0 if event is None else self._clock.wall() - event.sent_ms / 1000
        if event is None or abs(latency) > _MAX_AGE or not self._has_room(event):
            return False
        step = self._find_step(event)
        expected = build_engine_parameters(run_id, self._canary)
        if any(parameters.get(key) != value for key, value in expected.items()):
            step.corrupted += 1
            return True
        if event.number >= len(step.calls):
            step.calls.extend(bytes(event.number + 1 - len(step.calls)))
        if not step.calls[event.number]:
            step.latencies.record_value(min(max(round(latency * 1_000_000), 1), _LONGEST))
        step.calls[event.number] = min(step.calls[event.number] + 1, _TWICE)
        return True

    def build_document(self, run: str) -> dict[str, Any] | None:
        """Build the file of a run; None for one that is not known."""
        steps = self._runs.get(run)
        if steps is None:
            return None
        return {
            "format": FORMAT,
            "version": VERSION,
            "run": run,
            "steps": [
                {
                    "step": number,
                    "executed_once": step.calls.count(_ONCE),
                    "duplicated": step.calls.count(_TWICE),
                    "corrupted": step.corrupted,
                    "end_to_end": step.latencies.encode().decode("ascii"),
                }
                for number, step in sorted(steps.items())
            ],
        }

    def _has_room(self, event: EngineEvent) -> bool:
        if event.step >= MAX_STEPS:
            return False
        sizes = {number: len(step.calls) for number, step in self._runs.get(event.run, {}).items()}
        sizes[event.step] = max(sizes.get(event.step, 0), event.number + 1)
        return sum(sizes.values()) <= _MAX_EVENTS

    def _find_step(self, event: EngineEvent) -> _StepCalls:
        if event.run not in self._runs:
            self._runs[event.run] = {}
            if len(self._runs) > _MAX_RUNS:
                self._runs.popitem(last=False)
        return self._runs[event.run].setdefault(event.step, _StepCalls())
