"""Ids of events that a load engine sends. Pure.

The prober does not know these events beforehand, so an id says itself which event it is. After
`slo-probe-` follow the hex digits of a UUID of version 8, which RFC 9562 leaves to an application:

    48 bits   Unix milliseconds of the send
     4 bits   version, 8; the ids of the prober have 4
    12 bits   number of the step
     2 bits   variant
    30 bits   run of the engine
    32 bits   number of the event in its step
"""

import re
import uuid
from dataclasses import dataclass

from exporter.model.alert import CanaryIdentity

_PREFIX = "slo-probe-"
_ID = re.compile(rf"{_PREFIX}([0-9a-f]{{12}})8([0-9a-f]{{3}})([89ab][0-9a-f]{{7}})([0-9a-f]{{8}})")
MAX_STEPS = 256
"""Steps of a run; each takes a histogram in the prober."""


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Event of a load engine.

    Attributes:
        run: run of the engine, eight hex digits.
        step: number of the step.
        number: number of the event in its step.
        sent_ms: Unix milliseconds of the send.
    """

    run: str
    step: int
    number: int
    sent_ms: int

    @property
    def id(self) -> str:
        """Run id of the event."""
        return f"{_PREFIX}{self.sent_ms:012x}8{self.step:03x}{self.run}{self.number:08x}"


def create_engine_run() -> str:
    """Create the id of a run of an engine."""
    return uuid.uuid4().hex[16:24]


def parse_engine_id(run_id: str) -> EngineEvent | None:
    """Parse the id of an event; None if it is not of a load engine."""
    found = _ID.fullmatch(run_id)
    if found is None:
        return None
    sent_ms, step, run, number = found.groups()
    return EngineEvent(run, int(step, 16), int(number, 16), int(sent_ms, 16))


def build_engine_parameters(run_id: str, canary: CanaryIdentity) -> dict[str, str]:
    """Build the parameters that the canary must receive unchanged.

    The nonce follows from the id, so the canary knows it without a record of the event.
    """
    return {
        "probe_id": run_id,
        "nonce": run_id.removeprefix(_PREFIX)[::-1],
        "name": canary.name,
        "namespace": canary.namespace,
    }
