"""Faults of the simulated agent-sre.

The effects of faults are implemented elsewhere in this package.
"""

import math
from collections.abc import Iterable
from enum import StrEnum

from exporter.simulator.fault_injection import MAX_SECONDS, ActiveFaults, FaultSet, ValueFault
from slos.schema.contract import Stage


class AgentFaultFlag(StrEnum):
    """Faults without a number."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    CORRUPTED = "corrupted"
    ERROR = "error"
    HANG = "hang"
    DOWN = "down"


SLOW_STAGES = tuple(stage for stage in Stage if stage is not Stage.END_TO_END)
_ABOVE_ZERO = math.ulp(0.0)
_MAX_LEAK = 10**12 - 1
"""Maximum of leaked bytes per event: just below a terabyte."""


class AgentFaultSet(FaultSet):
    """Set of faults of agent-sre."""

    FLAGS = tuple(AgentFaultFlag)
    VALUES = (
        *(
            ValueFault(
                name=f"slow:{stage}",
                needs=f"seconds above 0 and up to {MAX_SECONDS:.0f}, for example slow:{stage}:2.5",
                minimum=_ABOVE_ZERO,
            )
            for stage in sorted(SLOW_STAGES)
        ),
        ValueFault(
            name="leak",
            needs=f"a whole number of bytes from 1 to {_MAX_LEAK}, for example leak:100000",
            minimum=1,
            maximum=_MAX_LEAK,
            is_whole=True,
        ),
        *(
            ValueFault(
                name=name, needs=f"seconds from 0 to {MAX_SECONDS:.0f}, for example {name}:0.1"
            )
            for name in ("cpu", "block", "lock")
        ),
        ValueFault(
            name="pool",
            needs="a whole number of connections from 1 to 1000, for example pool:5",
            minimum=1,
            maximum=1000,
            is_whole=True,
        ),
    )
    VALID = (
        f"none, {', '.join(FLAGS)}, slow:<stage>:<seconds>, leak:<bytes per event>, "
        "cpu:<seconds>, block:<seconds>, lock:<seconds>, pool:<connections>; "
        f"stages: {', '.join(SLOW_STAGES)}"
    )

    def get_delay(self, stage: Stage) -> float:
        """Return the extra seconds of a stage, 0 when it is not slow."""
        return self.values.get(f"slow:{stage}", 0.0)

    @property
    def leak(self) -> int:
        """Bytes that are never freed, per event."""
        return int(self.values.get("leak", 0))

    @property
    def cpu(self) -> float:
        """Seconds of real CPU time that every event takes."""
        return self.values.get("cpu", 0.0)

    @property
    def block(self) -> float:
        """Seconds for which every event blocks the event loop, without the CPU."""
        return self.values.get("block", 0.0)

    @property
    def lock(self) -> float:
        """Seconds for which every event holds a lock that all share."""
        return self.values.get("lock", 0.0)

    @property
    def pool(self) -> int:
        """Connections to functions, 0 for no limit."""
        return int(self.values.get("pool", 0))


class AgentFaults(ActiveFaults[AgentFaultSet]):
    """Faults of a running agent-sre simulator."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        super().__init__(AgentFaultSet.parse(texts))
