"""Availability probe: whether the target is up and ready, and the time of each request phase.

It requests `/health` and `/ready` at the origin of `target.url`, each over a new connection, so
that DNS, connect, TLS and reply are timed one by one. A cold start is counted and kept out of the
phases, which describe a warm target.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Sequence
from statistics import median

from pydantic import Field

from exporter.fields import Length
from exporter.model.evidence import TransportFault
from exporter.prober.context import Means, Outcome
from exporter.prober.runner import Turn
from exporter.probes import Probe
from exporter.probes.availability.request import Look, Origin, Target, expiry, look
from exporter.schedule.timetable import Rhythm
from slos.schema.contract import SERVICE, Criterion, Phase, Route
from slos.schema.units import Duration

_KEPT = 20
_FAR_LONGER = 5.0
"""Ratio to the usual time: a slow target varies by less, and a cold start takes far more."""

CRITERIA = frozenset({Criterion.HEALTH})
_NAME = "availability"
_OK = 200
_ASLEEP = frozenset({502, 503, 504})
"""Statuses of a proxy in front of a target without replicas."""
_BREAK = 1.0
_log = logging.getLogger(__name__)


class Warmth:
    """Cold start detector of a target.

    Args:
        cold_above: minimum seconds of a cold start.
        idle_after: seconds without requests after which the target may be at zero replicas.
    """

    def __init__(self, *, cold_above: float, idle_after: float) -> None:
        self._cold_above = cold_above
        self._idle_after = idle_after
        self._usual: deque[float] = deque(maxlen=_KEPT)

    def may_sleep(self, idle: float | None) -> bool:
        """Return True if the target may be at zero replicas; False for an unknown idle time."""
        return idle is not None and idle >= self._idle_after

    def was_cold(self, seconds: float, *, idle: float | None) -> bool:
        """Return True if a reply was a cold start; otherwise add its time to the usual times."""
        usual = median(self._usual) if self._usual else 0.0
        cold = self.may_sleep(idle) and seconds > max(self._cold_above, _FAR_LONGER * usual)
        if not cold:
            self._usual.append(seconds)
        return cold


class Settings(Rhythm):
    """Settings of the availability probe."""

    interval: Length = Duration.of(seconds=60)
    """Time between two looks. Default 60s. What is asked more often than its scale-to-zero window
    never sleeps: raise this, and the intervals of other probes, to see cold starts."""
    timeout: Length = Duration.of(seconds=50)
    """Time for one look, a cold start included. Default 50s: waking takes seconds to half a
    minute."""
    health: str = Field(default="/health", pattern=r"^/[!-~]*$")
    """The page that answers 200 while the target is up. Default /health."""
    ready: str = Field(default="/ready", pattern=r"^/[!-~]*$")
    """The page that answers 200 while the target takes events. Default /ready."""
    cold_above: Length = Duration.of(seconds=1)
    """Time above which an answer after idleness is a cold start, if it is also five times the
    usual. Default 1s: agent-sre answers warm in milliseconds and needs seconds to start."""
    idle_after: Length = Duration.of(seconds=90)
    """Time without any request of this prober after which the target may be at zero replicas.
    Default 90s: the stable window of Knative and its grace period. A target that refuses earlier
    is down, not asleep."""


def lines(_: Settings) -> Sequence[tuple[str, Route]]:
    """List no label pairs: no alert is sent."""
    return ()


def probes(settings: Settings, means: Means) -> Sequence[Probe]:
    """Build the one probe."""
    return [Availability(settings, means)]


class Availability:
    """Probe of health and readiness."""

    key = _NAME
    rhythm: Rhythm

    def __init__(self, settings: Settings, means: Means) -> None:
        self.rhythm = settings
        self._settings = settings
        self._reach, self._gauges, self._recent = means.reach, means.gauges, means.courier.recent
        self._asked_at: float | None = None
        self._warmth = Warmth(
            cold_above=float(settings.cold_above.seconds),
            idle_after=float(settings.idle_after.seconds),
        )
        self._gauges.cold_starts.labels(SERVICE)
        self._gauges.tls_expiry.clear()  # the target may have changed to one without TLS

    async def ask(self, _: Turn) -> Outcome:
        """Request both pages; after an error the gauges are removed."""
        deadline = self._reach.clock.now() + float(self._settings.timeout.seconds)
        try:
            target = await asyncio.to_thread(self._target)
            health = await self._awake(target, deadline)
            ready = await self._look(target, self._settings.ready, deadline)
        except Exception:
            for gauge in (self._gauges.up, self._gauges.ready):
                gauge.remove(SERVICE)
            raise
        self._show(health, ready)
        pages = {self._settings.health: health, self._settings.ready: ready}
        notes = [f"{page}: {_what(seen)}" for page, seen in pages.items() if seen.status != _OK]
        return Outcome(checks=((Criterion.HEALTH, not notes),), notes=tuple(notes))

    def _target(self) -> Target:
        reach = self._reach
        origin = Origin.of(reach.url)
        by = reach.direct
        tls = (by.tls or ssl.create_default_context)() if origin.secure else None
        return Target(origin, reach.headers(), tls, by.server_name)

    async def _awake(self, target: Target, deadline: float) -> Look:
        """Request the health page; a target that may be asleep gets the time to wake up."""
        clock, idle = self._reach.clock, self._idle()
        began = clock.now()
        seen = await self._look(target, self._settings.health, deadline)
        while self._warmth.may_sleep(idle) and _asleep(seen) and clock.now() + _BREAK < deadline:
            await clock.sleep(_BREAK)
            seen = await self._look(target, self._settings.health, deadline)
        if seen.status != _OK:
            return seen
        waited = clock.now() - began
        if not self._warmth.was_cold(waited, idle=idle):
            return seen
        self._gauges.cold_starts.labels(SERVICE).inc()
        _log.info("availability: a cold start of %.1f s after %.0f s idle", waited, idle)
        return await self._look(target, self._settings.health, deadline)

    async def _look(self, target: Target, page: str, deadline: float) -> Look:
        clock = self._reach.clock
        seen = await look(target, page, clock=clock, timeout=max(deadline - clock.now(), 0.0))
        self._asked_at = clock.now()
        return seen

    def _idle(self) -> float | None:
        """Measure the seconds since the last request to the target; None when there was none."""
        clock = self._reach.clock
        ages = [] if self._asked_at is None else [clock.now() - self._asked_at]
        ages += [max(clock.steady() - run.intended_at, 0.0) for run in self._recent]
        return min(ages, default=None)

    def _show(self, health: Look, ready: Look) -> None:
        gauges = self._gauges
        gauges.up.labels(SERVICE).set(health.status == _OK)
        gauges.ready.labels(SERVICE).set(ready.status == _OK)
        for phase in Phase:
            if phase in health.phases:
                gauges.phase.labels(SERVICE, phase).set(health.phases[phase])
            else:  # a phase that was not reached has no time
                gauges.phase.remove(SERVICE, phase)
        if health.certificate:
            with contextlib.suppress(ValueError):
                gauges.tls_expiry.labels(SERVICE).set(expiry(health.certificate))


def _asleep(seen: Look) -> bool:
    return seen.status in _ASLEEP or seen.fault in (TransportFault.REFUSED, TransportFault.RESET)


def _what(seen: Look) -> str:
    if seen.status is not None:
        return f"answered {seen.status}"
    return seen.fault.value if seen.fault else "no reply in time"
