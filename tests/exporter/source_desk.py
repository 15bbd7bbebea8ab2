"""A source to ask in tests: a server that follows a script, and a clock that does not wait."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from aiohttp import web

from exporter.httpclient.client import HttpSource
from exporter.httpclient.settings import SourceSettings
from exporter.schedule.clock import SystemClock

NO_FOLDER = Path("/nonexistent")


class QuickClock(SystemClock):
    """Notes how long it was asked to sleep, and does not."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class NoSpread(random.Random):
    def random(self) -> float:
        return 0.0


@dataclass
class Play:
    """One answer of the script."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    """Break the connection off instead."""
    hang: bool = False
    """Do not answer until the test is over."""


@dataclass
class Asked:
    """A request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    form: Mapping[str, str]


class Script:
    """Answers one after the other; the last one again and again."""

    def __init__(self, *plays: Play) -> None:
        self.plays = list(plays) or [Play()]
        self.asked: list[Asked] = []
        self._over = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", self._answer)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, _: web.Application) -> None:
        self._over.set()

    async def _answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(Asked(request.method, request.path_qs, request.headers, form))
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        if play.hang:
            await self._over.wait()
        if play.cut:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=play.status, body=play.body, headers=play.headers)


def source_settings(url: str, **rest: object) -> SourceSettings:
    return SourceSettings.model_validate({"url": url, **rest})


@contextlib.asynccontextmanager
async def opened(
    settings: SourceSettings, *, folder: Path = NO_FOLDER, clock: QuickClock | None = None
) -> AsyncIterator[HttpSource]:
    async with HttpSource(
        "tempo", settings, folder=folder, clock=clock or QuickClock(), spread=NoSpread()
    ) as source:
        yield source


@contextlib.asynccontextmanager
async def secure(
    certificate: trustme.LeafCert, *, trusts: trustme.CA | None = None, script: Script | None = None
) -> AsyncIterator[str]:
    """A server that speaks TLS, and asks for certificates if it knows whom to trust."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    if trusts:
        trusts.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    runner = web.AppRunner((script or Script()).app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
