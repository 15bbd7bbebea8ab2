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

from exporter.fields import Address, Length, Listen
from exporter.httpclient.settings import HeaderName
from exporter.listener import ListenError, bind, serve
from exporter.model.alert import new_id
from exporter.model.deadlines import Patience
from exporter.prober.context import Means, Outcome
from exporter.prober.runner import Errand, Turn
from exporter.probes import Probe
from exporter.probes.security.attempts import (
    Attempt,
    Attempts,
    Decoy,
    HostileWay,
    accepted,
    contains,
    told,
)
from exporter.probes.security.payloads import Ground, Trick
from exporter.schedule.timetable import Rhythm
from slos.schema.contract import Criterion, Route, Verdict
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
_REACHED_WITHIN = 5.0


class Settings(Rhythm):
    """Settings of the security probe."""

    interval: Length = Duration.of(hours=1)
    """Time between two rounds. Default 1h: what is checked changes with a release only."""
    timeout: Length = Duration.of(seconds=30)
    """Time for an alert with a hostile name to lead somewhere. Default 30s: agent-sre asks for a
    function's health at once, and gives that 5 s."""
    settle: Length = Duration.of(seconds=1)
    """Time to wait for more calls after an answer. Default 1s."""
    body_bytes: int = Field(default=1_048_576, ge=65_536, le=67_108_864)
    """Bytes of the oversized event. Default 1 MiB: hundreds of times an alert, and no harm to a
    target that reads it all."""
    decoy: Listen = Address("0.0.0.0", 8082)  # noqa: S104 - other pods are to reach it
    """Where the decoy listens while a round goes on, host:port. Default 0.0.0.0:8082. The canary's
    Service needs this port too; without it, names with a port or a scheme are not tried."""
    decoy_port: int | None = Field(default=None, ge=1, le=65_535)
    """The port of the canary's Service that leads to the decoy. Default: the decoy's own."""
    credentials: list[HeaderName] = Field(default=["Authorization", "X-Api-Key"])
    """Headers of the target that hold credentials. Default Authorization (which basic_auth and
    bearer_auth set) and X-Api-Key. Those that are sent are left out, then replaced by others."""
    rate_limit: Literal["expected", "none"] = "none"
    """Whether the target shall turn away senders that are too quick: 429 `expected`, or `none` at
    all. Default none: agent-sre has no limit, and an alert turned away is an alert lost. Where one
    is expected, ordinary events of this prober are turned away as well for its length."""
    rate_limit_requests: int = Field(default=50, ge=1, le=500)
    """Requests of the burst that a limit must cut short. Default 50; it ends with the first 429."""


def lines(_: Settings) -> Sequence[tuple[str, Route]]:
    """List no label pairs: an attack that is refused as it should be is no failed run."""
    return ()


def probes(settings: Settings, means: Means) -> Sequence[Probe]:
    """Build the one probe."""
    return [Security(settings, means)]


class Security:
    """Probe that makes every attempt once per slot."""

    key = _NAME
    rhythm: Rhythm

    def __init__(self, settings: Settings, means: Means) -> None:
        self.rhythm = settings
        self._settings = settings
        self._means = means
        self._attempts = Attempts(means.reach, _NAME)
        timeout = float(settings.timeout.seconds)
        self._patience = Patience(
            timeout=timeout,
            settle=float(settings.settle.seconds),
            late_after=timeout,
            max_send_lag=float(settings.max_send_lag.seconds),
        )

    async def ask(self, _: Turn) -> Outcome:
        """Make all attempts, if the target accepts a valid event."""
        baseline = await self._attempts.baseline()
        if not accepted(baseline):
            why = f"nothing was tried: an event in order: {told(baseline)}"
            return Outcome(notes=(why,), failed=True)
        tried = [attempt async for attempt in self._all()]
        return Outcome(
            checks=tuple((criterion, met) for criterion, met, _ in tried if met is not None),
            notes=tuple(f"{criterion}: {seen}" for criterion, met, seen in tried if not met),
        )

    async def _all(self) -> AsyncIterator[Attempt]:
        settings, attempts = self._settings, self._attempts
        limited = settings.rate_limit == "expected"
        for some in (
            attempts.broken_events(size=settings.body_bytes),
            attempts.strangers(settings.credentials),
            self._hostile_names(),
            attempts.burst(
                settings.rate_limit_requests, limited=limited
            ),  # last: the target may block this prober afterwards
        ):
            async for attempt in some:
                yield attempt
                if not self._means.may_send():
                    return

    async def _hostile_names(self) -> AsyncIterator[Attempt]:
        """Try hostile names, if the target executes an ordinary alert at the same time.

        If a target executes nothing, the absence of calls at canary and honeypot proves nothing.
        """
        async with self._decoy() as (decoy, port):
            tricks = [trick for trick in Trick if port or trick is Trick.SLASH]
            ways = [HostileWay(trick, self._means.reach, port=port or 0) for trick in tricks]
            plain = Errand(_NAME, self._means.ways[Route.DIRECT], self._patience)
            errands = [plain, *(Errand(_NAME, way, self._patience) for way in ways)]
            carry, turn = self._means.courier.carry, self._now()
            control, *results = await asyncio.gather(*(carry(each, turn) for each in errands))
            astray = [decoy.was_called_for(result.id) for result in results]
        if control.verdict not in (Verdict.OK, Verdict.LATE):
            yield Criterion.CONTAINMENT, None, f"an ordinary alert was {control.verdict}"
            return
        if not port:
            yield Criterion.CONTAINMENT, None, "the decoy is not reached, so no port was tried"
        for trick, result, led in zip(tricks, results, astray, strict=True):
            where = "led to the decoy" if led else result.verdict.value
            met = contains(result.verdict, led_astray=led)
            yield Criterion.CONTAINMENT, met, f"a name with a {trick}: {where}"

    @contextlib.asynccontextmanager
    async def _decoy(self) -> AsyncIterator[tuple[Decoy, int | None]]:
        """Open a honeypot; yield it, and its port on the canary's host if reachable."""
        decoy = Decoy()
        try:
            listener = bind("security.decoy", self._settings.decoy)
        except ListenError:
            yield decoy, None
            return
        port = self._settings.decoy_port or listener.getsockname()[1]
        serving = await serve(decoy.app, listener)
        try:
            yield decoy, port if await self._reaches(decoy, port) else None
        finally:
            await serving.cleanup()

    async def _reaches(self, decoy: Decoy, port: int) -> bool:
        """Return whether a request to the canary's Service ends at the honeypot, by a unique id."""
        reach, run_id = self._means.reach, new_id()
        url = f"http://{Ground(reach.canary, port).host}:{port}/{run_id}"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REACHED_WITHIN):
                await reach.sender.post(url, b"")
        return decoy.was_called_for(run_id)

    def _now(self) -> Turn:
        clock = self._means.reach.clock
        return Turn(clock.now(), clock.steady())
