"""One file per probe; the folder is the registry. A probe asks once and never loops.

A probe file has two names: `Settings`, a `Rhythm` with the probe's own settings, and `Probe`,
built from its settings and the `Means` it may use.
"""

import asyncio
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, cast

import aiohttp

from exporter.clock import Clock
from exporter.events import CanaryIdentity
from exporter.evidence import Evidence
from exporter.ledger import Ledger
from exporter.plugins import modules
from exporter.rhythm import Rhythm
from slos.schema.contract import Stage
from slos.schema.units import Duration

Targets = Mapping[Stage, Duration]


@dataclass(frozen=True, slots=True)
class Order:
    """One turn: which run, meant for when."""

    id: str
    intended: float
    """Monotonic seconds."""
    intended_at: float
    """Wall clock seconds."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a probe may use."""

    url: str
    canary: CanaryIdentity
    client: aiohttp.ClientSession
    ledger: Ledger
    clock: Clock
    targets: Targets
    abort: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nobody may wait any longer."""


class ProbeSettings(Protocol):
    """What the loader asks of settings, once the targets of the specs are known."""

    def findings(self, targets: Targets) -> Iterable[tuple[str, str, str]]:
        """What is wrong, as key, message and hint."""


class Probe(Protocol):
    """What the runner asks of a probe."""

    PATH: str
    """The way its events take; a label value."""
    late_after: Duration

    async def ask(self, order: Order) -> Evidence:
        """Send one event and watch until nothing can change its verdict any more."""


class ProbeClass(Protocol):
    """How a probe is built."""

    PATH: str

    def __call__(self, settings: Rhythm, means: Means) -> Probe:
        """Build a probe from its settings and what it may use."""


class ProbeModule(Protocol):
    """What a file in this folder offers."""

    Settings: type[Rhythm]
    Probe: ProbeClass


@cache
def probe_modules() -> dict[str, ProbeModule]:
    """All probes by name."""
    found = modules(sys.modules[__name__])
    return {name: cast("ProbeModule", module) for name, module in found.items()}
