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

from exporter.fields import DurationField
from exporter.model.error_kind import ErrorKind
from exporter.prober.context import ProbeContext
from exporter.probes import Probe, ProbeOutcome
from exporter.probes.availability.request import (
    HttpOrigin,
    RequestResult,
    RequestTarget,
    parse_expiry,
    send_request,
)
from exporter.schedule.open_loop import Slot
from exporter.schedule.timetable import Schedule
from slos.schema.contract import SERVICE, Criterion, Phase
from slos.schema.units import Duration

_MAX_SAMPLES = 20
_COLD_RATIO = 5.0
"""Ratio to the usual time: a slow target varies by less, and a cold start takes far more."""

CRITERIA = frozenset({Criterion.HEALTH})
_NAME = "availability"
_OK = 200
_ASLEEP_STATUSES = frozenset({502, 503, 504})
"""Statuses of a proxy in front of a target without replicas."""
_WAKE_INTERVAL = 1.0
_log = logging.getLogger(__name__)


class ColdStartDetector:
    """Cold start detector of a target.

    Args:
        cold_above: minimum seconds of a cold start.
        idle_after: seconds without requests after which the target may be at zero replicas.
    """

    def __init__(self, *, cold_above: float, idle_after: float) -> None:
        self._cold_above = cold_above
        self._idle_after = idle_after
        self._warm_seconds: deque[float] = deque(maxlen=_MAX_SAMPLES)

    def may_be_scaled_to_zero(self, idle: float | None) -> bool:
        """Return True if the target may be at zero replicas; False for an unknown idle time."""
        return idle is not None and idle >= self._idle_after

    def detect_cold_start(self, seconds: float, *, idle: float | None) -> bool:
        """Return True if a reply was a cold start; otherwise add its time to the usual times."""
        warm_median = median(self._warm_seconds) if self._warm_seconds else 0.0
        is_cold = self.may_be_scaled_to_zero(idle) and seconds > max(
            self._cold_above, _COLD_RATIO * warm_median
        )
        if not is_cold:
            self._warm_seconds.append(seconds)
        return is_cold


class Settings(Schedule):
    """Settings of the availability probe."""

    interval: DurationField = Duration.from_parts(seconds=60)
    """Time between two checks. Default 60s. A target that is checked more often than its
    scale-to-zero window never scales to zero: raise this, and the intervals of other probes, to see
    cold starts."""
    timeout: DurationField = Duration.from_parts(seconds=50)
    """Time for one check, a cold start included. Default 50s: a cold start takes seconds to half a
    minute."""
    health: str = Field(default="/health", pattern=r"^/[!-~]*$")
    """Path that returns 200 while the target is up. Default /health."""
    ready: str = Field(default="/ready", pattern=r"^/[!-~]*$")
    """Path that returns 200 while the target accepts events. Default /ready."""
    cold_above: DurationField = Duration.from_parts(seconds=1)
    """Response time above which a request after idleness counts as a cold start, if it is also five
    times the usual. Default 1s: agent-sre responds in milliseconds when warm and needs seconds to
    start."""
    idle_after: DurationField = Duration.from_parts(seconds=90)
    """Time without requests of this prober after which the target may be at zero replicas. Default
    90s: the stable window and the grace period of Knative. A target that refuses connections
    earlier is down."""


def list_label_pairs(_: Settings) -> Sequence[tuple[str, str]]:
    """List no label pairs: no alert is sent."""
    return ()


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build the one probe."""
    return [AvailabilityProbe(settings, context)]


class AvailabilityProbe:
    """Probe of health and readiness."""

    key = _NAME
    schedule: Schedule

    def __init__(self, settings: Settings, context: ProbeContext) -> None:
        self.schedule = settings
        self._settings = settings
        self._path_context, self._gauges, self._history = (
            context.path_context,
            context.gauges,
            context.history,
        )
        self._requested_at: float | None = None
        self._warmth = ColdStartDetector(
            cold_above=float(settings.cold_above.seconds),
            idle_after=float(settings.idle_after.seconds),
        )
        self._gauges.cold_starts.labels(SERVICE)
        self._gauges.tls_expiry.clear()  # the target may have changed to one without TLS

    async def run(self, _: Slot) -> ProbeOutcome:
        """Request both pages; after an error the gauges are removed."""
        deadline = self._path_context.clock.now() + float(self._settings.timeout.seconds)
        try:
            target = await asyncio.to_thread(self._build_target)
            health = await self._request_after_cold_start(target, deadline)
            ready = await self._request(target, self._settings.ready, deadline)
        except Exception:
            for gauge in (self._gauges.up, self._gauges.ready):
                gauge.remove(SERVICE)
            raise
        self._update_gauges(health, ready)
        pages = {self._settings.health: health, self._settings.ready: ready}
        notes = [
            f"{page}: {_describe_response(response)}"
            for page, response in pages.items()
            if response.status != _OK
        ]
        return ProbeOutcome(checks=((Criterion.HEALTH, not notes),), notes=tuple(notes))

    def _build_target(self) -> RequestTarget:
        path_context = self._path_context
        origin = HttpOrigin.from_url(path_context.url)
        sender = path_context.target_sender
        tls = (sender.tls or ssl.create_default_context)() if origin.secure else None
        return RequestTarget(origin, path_context.read_headers(), tls, sender.server_name)

    async def _request_after_cold_start(
        self, target: RequestTarget, deadline: float
    ) -> RequestResult:
        """Request the health page, with more time if the target may be scaled to zero."""
        clock, idle = self._path_context.clock, self._measure_idle()
        started_at = clock.now()
        response = await self._request(target, self._settings.health, deadline)
        while (
            self._warmth.may_be_scaled_to_zero(idle)
            and _is_asleep(response)
            and clock.now() + _WAKE_INTERVAL < deadline
        ):
            await clock.sleep(_WAKE_INTERVAL)
            response = await self._request(target, self._settings.health, deadline)
        if response.status != _OK:
            return response
        waited = clock.now() - started_at
        if not self._warmth.detect_cold_start(waited, idle=idle):
            return response
        self._gauges.cold_starts.labels(SERVICE).inc()
        _log.info("availability: a cold start of %.1f s after %.0f s idle", waited, idle)
        return await self._request(target, self._settings.health, deadline)

    async def _request(self, target: RequestTarget, page: str, deadline: float) -> RequestResult:
        clock = self._path_context.clock
        response = await send_request(
            target, page, clock=clock, timeout=max(deadline - clock.now(), 0.0)
        )
        self._requested_at = clock.now()
        return response

    def _measure_idle(self) -> float | None:
        """Measure the seconds since the last request to the target; None when there was none."""
        clock = self._path_context.clock
        ages = [] if self._requested_at is None else [clock.now() - self._requested_at]
        ages += [max(clock.steady() - run.intended_at, 0.0) for run in self._history]
        return min(ages, default=None)

    def _update_gauges(self, health: RequestResult, ready: RequestResult) -> None:
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
                gauges.tls_expiry.labels(SERVICE).set(parse_expiry(health.certificate))


def _is_asleep(response: RequestResult) -> bool:
    return response.status in _ASLEEP_STATUSES or response.error in (
        ErrorKind.REFUSED,
        ErrorKind.RESET,
    )


def _describe_response(response: RequestResult) -> str:
    if response.status is not None:
        return f"answered {response.status}"
    return response.error.value if response.error else "no reply in time"
