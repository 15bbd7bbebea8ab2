"""Security probe: requests that a target must refuse, harmless if it does not.

It sends ends of alerts with a defect, with wrong credentials or in numbers. It also sends fired
alerts whose function has a hostile name. These go through the alert runner: recorded, judged and
cleaned up like any other. Canary and honeypot show where such a name led.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator

from exporter.fields import Address, AddressField, DurationField, in_unit
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
    RateLimit,
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
    body_bytes: int = Field(
        default=1_048_576, ge=65_536, le=67_108_864, json_schema_extra=in_unit("bytes")
    )
    """Size of the oversized event in bytes. Default 1 MiB: hundreds of times an alert, and harmless
    for a target that reads it."""
    decoy: AddressField = Address("0.0.0.0", 8082)  # noqa: S104 - other pods are to reach it
    """Listen address of the honeypot during a round, host:port. Default 0.0.0.0:8082. The Service
    of the canary needs this port too; without it, names with a port or a scheme are not tried."""
    decoy_port: int | None = Field(default=None, ge=1, le=65_535, json_schema_extra=in_unit("port"))
    """Port of the canary's Service that leads to the honeypot. Default: the port of `decoy`."""
    credentials: list[HeaderName] = Field(default=["Authorization", "X-Api-Key"])
    """Headers of the target that hold credentials. Default Authorization (which basic_auth and
    bearer_auth set) and X-Api-Key. The probe removes them, then replaces them with wrong ones."""
    rate_limit: Literal["expected", "none"] = "none"
    """Rate limit of the target: with `expected`, a burst must be limited as the next three settings
    say. With `none` the criterion is not configured, and fails if a burst is limited all the same.
    Default none: agent-sre has no limit, and a rejected alert is a lost alert. With `expected`,
    normal events of this prober are rejected too while the limit lasts."""
    rate_limit_status: int = Field(
        default=429, ge=400, le=599, json_schema_extra=in_unit("HTTP status")
    )
    """Status with which the limit rejects. Default 429; some proxies use 503."""
    rate_limit_allows: int = Field(default=1, ge=0, le=500, json_schema_extra=in_unit("requests"))
    """Number of requests of the burst that the limit must accept. Default 1: a limit that accepts
    nothing is none."""
    rate_limit_requests: int = Field(
        default=50, ge=1, le=500, json_schema_extra=in_unit("requests")
    )
    """Number of requests of the burst, of which the limit must reject at least one. Default 50; it
    ends with the first one that is rejected."""

    @model_validator(mode="after")
    def _check_burst(self) -> "Settings":
        if self.rate_limit_allows >= self.rate_limit_requests:
            raise ValueError(
                f"a burst of {self.rate_limit_requests} requests does not exceed a limit that "
                f"allows {self.rate_limit_allows}; raise rate_limit_requests"
            )
        return self


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
        checks = [(criterion, is_met) for criterion, is_met, _ in attempts if is_met is not None]
        checked = {criterion for criterion, _ in checks}
        missing = {
            criterion: setting
            for criterion, setting in (await self._list_missing_settings()).items()
            if criterion not in checked
        }
        return ProbeOutcome(
            checks=(*checks, *((criterion, None) for criterion in missing)),
            notes=(
                *(f"{criterion}: {text}" for criterion, is_met, text in attempts if not is_met),
                *(f"{criterion}: not configured: {text}" for criterion, text in missing.items()),
            ),
        )

    async def _list_missing_settings(self) -> Mapping[Criterion, str]:
        """List the criteria that the configuration leaves nothing to check for, and why."""
        missing = {}
        if not await self._attempts.has_credentials(self._settings.credentials):
            missing[Criterion.AUTHENTICATION] = "the target has no credentials to leave out"
        if self._settings.rate_limit == "none":
            missing[Criterion.RATE_LIMITING] = "rate_limit is none"
        return missing

    async def _run_attempts(self) -> AsyncIterator[HostileCheck]:
        settings, attempts = self._settings, self._attempts
        duration = self._context.gauges.authentication_duration
        limit = RateLimit(
            settings.rate_limit_status,
            allows=settings.rate_limit_allows,
            is_expected=settings.rate_limit == "expected",
        )
        for group in (
            attempts.send_defective_events(size=settings.body_bytes),
            attempts.send_unauthenticated_events(
                settings.credentials,
                on_reply=lambda result, seconds: duration.labels(result).observe(seconds),
            ),
            self._try_hostile_names(),
            attempts.send_burst(
                settings.rate_limit_requests, limit
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
