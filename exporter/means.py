"""What probes may use, and what they give back."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.courier import Courier
from exporter.gauges import Gauges
from exporter.leak_sources.own import Own
from exporter.paths import Way
from exporter.prometheus_api.client import Prometheus
from exporter.reach import Reach
from exporter.result import ProbeResult
from slos.schema.contract import Criterion, Route, Stage
from slos.schema.units import Duration

Targets = Mapping[Stage, Duration]


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Means:
    """What a probe may use.

    Attributes:
        courier: sends alerts, journalled and judged.
        reach: whom to ask otherwise.
        ways: that alerts can take.
        targets: of the specs.
        gauges: for state.
        prometheus: to ask for metrics of others, where one is configured.
        abort: set when nobody may wait any longer.
        open_runs: how many runs are not finished, to tell whether ever more are not.
        own: what this process held so far, which a reload does not forget.
        may_send: whether this prober, of several, is still the one that sends.
    """

    courier: Courier
    reach: Reach
    ways: Mapping[Route, Way]
    targets: Targets
    gauges: Gauges
    prometheus: Prometheus | None = None
    abort: asyncio.Event = field(default_factory=asyncio.Event)
    open_runs: Callable[[], int] | None = None
    own: Own | None = None
    may_send: Callable[[], bool] = _always


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one turn of a probe came to.

    Attributes:
        results: of the alerts it sent.
        checks: criteria it checked beside them, and whether each was met.
        notes: one line for a person about each check that was not, with what was seen.
        failed: whether nothing was shown, because the probe could not do what it is there for.
    """

    results: tuple[ProbeResult, ...] = ()
    checks: tuple[tuple[Criterion, bool], ...] = ()
    notes: tuple[str, ...] = ()
    failed: bool = False
