"""Security probe: requests that a target must refuse, harmless if it does not.

It sends ends of alerts with a defect, with wrong credentials or in numbers. It also sends fired
alerts whose function has a hostile name. These go through the alert runner: recorded, judged and
cleaned up like any other. Canary and honeypot show where such a name led.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from pydantic import Field

from exporter.fields import Address, AddressField, DurationField
from exporter.httpclient.settings import HeaderName
from exporter.listener.server import ListenError, bind_socket, serve_app
from exporter.model.alert import create_run_id
from exporter.model.deadlines import Deadlines
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.probes import Probe, ProbeOutcome
from exporter.probes.security.attempts import (
    Honeypot,
    HostileCheck,
    HostilePath,
    HostileRequests,
    check_containment,
    describe_reply,
    is_accepted,
)
from exporter.probes.security.payloads import CanaryHost, NameAttack
from exporter.schedule.open_loop import Slot
from exporter.schedule.timetable import Schedule
from slos.schema.contract import Criterion, DeliveryPath, Verdict
from slos.schema.units import Duration

CRITERIA = frozenset(
    {
        Criterion.AUTHENTICATION,
        Criterion.CONTAINMENT,
        Criterion.INPUT_VALIDATION,
        Criterion.RATE_LIMITING,
    }
)
_NAME = "security"
_REACH_TIMEOUT = 5.0


class Settings(Schedule):
    """Settings of the security probe."""

    interval: DurationField = Duration.from_parts(hours=1)
    """Time between two rounds of attempts. Default 1h: the results change only with a release."""
    timeout: DurationField = Duration.from_parts(seconds=30)
    """Time from an alert with a hostile name to its verdict. Default 30s: agent-sre checks the
    health of a function at once, with a timeout of 5 s."""
    settle: DurationField = Duration.from_parts(seconds=1)
    """Time to wait for more calls after the reply. Default 1s."""
    body_bytes: int = Field(default=1_048_576, ge=65_536, le=67_108_864)
    """Size of the oversized event in bytes. Default 1 MiB: hundreds of times an alert, and harmless
    for a target that reads it."""
    decoy: AddressField = Address("0.0.0.0", 8082)  # noqa: S104 - other pods are to reach it
    """Listen address of the honeypot during a round, host:port. Default 0.0.0.0:8082. The Service
    of the canary needs this port too; without it, names with a port or a scheme are not tried."""
    decoy_port: int | None = Field(default=None, ge=1, le=65_535)
    """Port of the canary's Service that leads to the honeypot. Default: the port of `decoy`."""
    credentials: list[HeaderName] = Field(default=["Authorization", "X-Api-Key"])
    """Headers of the target that hold credentials. Default Authorization (which basic_auth and
    bearer_auth set) and X-Api-Key. The probe removes them, then replaces them with wrong ones."""
    rate_limit: Literal["expected", "none"] = "none"
    """Rate limit of the target: `expected` requires at least one 429, `none` requires that there is
    none. Default none: agent-sre has no limit, and a rejected alert is a lost alert. With
    `expected`, normal events of this prober are rejected too while the limit lasts."""
    rate_limit_requests: int = Field(default=50, ge=1, le=500)
    """Maximum number of requests of the burst for the rate limit. Default 50; it ends with the
    first 429."""


def list_label_pairs(_: Settings) -> Sequence[tuple[str, str]]:
    """List no label pairs: an attack that is refused as it should be is no failed run."""
    return ()


def build_probes(settings: Settings, context: ProbeContext) -> Sequence[Probe]:
    """Build the one probe."""
    return [SecurityProbe(settings, context)]


class SecurityProbe:
    """Probe that makes every attempt once per slot."""

    key = _NAME
    schedule: Schedule

    def __init__(self, settings: Settings, context: ProbeContext) -> None:
        self.schedule = settings
        self._settings = settings
        self._context = context
        self._attempts = HostileRequests(context.path_context, _NAME)
        timeout = float(settings.timeout.seconds)
        self._deadlines = Deadlines(
            timeout=timeout,
            settle=float(settings.settle.seconds),
            late_after=timeout,
            max_send_lag=float(settings.max_send_lag.seconds),
        )

    async def run(self, _: Slot) -> ProbeOutcome:
        """Make all attempts, if the target accepts a valid event."""
        baseline = await self._attempts.send_baseline()
        if not is_accepted(baseline):
            why = f"no attempt was made, a valid event failed: {describe_reply(baseline)}"
            return ProbeOutcome(notes=(why,), failed=True)
        attempts = [attempt async for attempt in self._run_attempts()]
        return ProbeOutcome(
            checks=tuple(
                (criterion, is_met) for criterion, is_met, _ in attempts if is_met is not None
            ),
            notes=tuple(
                f"{criterion}: {description}"
                for criterion, is_met, description in attempts
                if not is_met
            ),
        )

    async def _run_attempts(self) -> AsyncIterator[HostileCheck]:
        settings, attempts = self._settings, self._attempts
        expects_limit = settings.rate_limit == "expected"
        for group in (
            attempts.send_defective_events(size=settings.body_bytes),
            attempts.send_unauthenticated_events(settings.credentials),
            self._try_hostile_names(),
            attempts.send_burst(
                settings.rate_limit_requests, limit_expected=expects_limit
            ),  # last: the target may block this prober afterwards
        ):
            async for attempt in group:
                yield attempt
                if not self._context.health.may_send():
                    return

    async def _try_hostile_names(self) -> AsyncIterator[HostileCheck]:
        """Try hostile names, if the target executes an ordinary alert at the same time.

        If a target executes nothing, the absence of calls at canary and honeypot proves nothing.
        """
        async with self._open_honeypot() as (honeypot, port):
            tricks = [trick for trick in NameAttack if port or trick is NameAttack.SLASH]
            paths = [
                HostilePath(trick, self._context.path_context, port=port or 0) for trick in tricks
            ]
            control_job = AlertJob(_NAME, self._context.paths[DeliveryPath.DIRECT], self._deadlines)
            jobs = [control_job, *(AlertJob(_NAME, path, self._deadlines) for path in paths)]
            run_job, slot = self._context.alert_runner.run, self._create_slot()
            control_run, *runs = await asyncio.gather(*(run_job(job, slot) for job in jobs))
            was_honeypot_called = [honeypot.was_called_for(result.id) for result in runs]
        if control_run.verdict not in (Verdict.OK, Verdict.LATE):
            yield Criterion.CONTAINMENT, None, f"a normal alert was {control_run.verdict}"
            return
        if not port:
            yield (
                Criterion.CONTAINMENT,
                None,
                "the honeypot cannot be reached, so no port was tried",
            )
        for trick, run, is_astray in zip(tricks, runs, was_honeypot_called, strict=True):
            destination = "led to the honeypot" if is_astray else run.verdict.value
            is_met = check_containment(run.verdict, honeypot_called=is_astray)
            yield Criterion.CONTAINMENT, is_met, f"a name with a {trick}: {destination}"

    @contextlib.asynccontextmanager
    async def _open_honeypot(self) -> AsyncIterator[tuple[Honeypot, int | None]]:
        """Open a honeypot; yield it, and its port on the canary's host if reachable."""
        honeypot = Honeypot()
        try:
            listener = bind_socket("security.decoy", self._settings.decoy)
        except ListenError:
            yield honeypot, None
            return
        port = self._settings.decoy_port or listener.getsockname()[1]
        server = await serve_app(honeypot.app, listener)
        try:
            yield honeypot, port if await self._is_honeypot_reachable(honeypot, port) else None
        finally:
            await server.cleanup()

    async def _is_honeypot_reachable(self, honeypot: Honeypot, port: int) -> bool:
        """Return whether a request to the canary's Service ends at the honeypot, by a unique id."""
        path_context, run_id = self._context.path_context, create_run_id()
        url = f"http://{CanaryHost(path_context.canary, port).name}:{port}/{run_id}"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REACH_TIMEOUT):
                await path_context.sender.post(url, b"")
        return honeypot.was_called_for(run_id)

    def _create_slot(self) -> Slot:
        clock = self._context.path_context.clock
        return Slot(clock.now(), clock.steady())
