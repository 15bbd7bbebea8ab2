"""HTTP server with scripted responses, and a clock whose sleeps return at once."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from aiohttp import web

from exporter.httpclient.client import HttpClient
from exporter.httpclient.settings import HttpClientSettings
from exporter.schedule.clock import SystemClock

NO_FOLDER = Path("/nonexistent")


class InstantSleepClock(SystemClock):
    """Notes how long it was asked to sleep, and does not."""

    def __init__(self) -> None:
        self.sleeps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)


class NoJitterRandom(random.Random):
    def random(self) -> float:
        return 0.0


@dataclass
class ScriptedReply:
    """One answer of the script."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    aborts: bool = False
    """Break the connection off instead."""
    hangs: bool = False
    """Do not answer until the test is over."""


@dataclass
class ReceivedRequest:
    """A request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    form: Mapping[str, str]


class ScriptedServer:
    """Answers one after the other; the last one again and again."""

    def __init__(self, *replies: ScriptedReply) -> None:
        self.replies = list(replies) or [ScriptedReply()]
        self.requests: list[ReceivedRequest] = []
        self._shutdown = asyncio.Event()

    def build_app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", self._send_reply)
        app.on_shutdown.append(self._release_requests)
        return app

    async def _release_requests(self, _: web.Application) -> None:
        self._shutdown.set()

    async def _send_reply(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append(
            ReceivedRequest(request.method, request.path_qs, request.headers, form)
        )
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.hangs:
            await self._shutdown.wait()
        if reply.aborts:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


def build_settings(url: str, **rest: object) -> HttpClientSettings:
    return HttpClientSettings.model_validate({"url": url, **rest})


@contextlib.asynccontextmanager
async def open_client(
    settings: HttpClientSettings,
    *,
    folder: Path = NO_FOLDER,
    clock: InstantSleepClock | None = None,
) -> AsyncIterator[HttpClient]:
    async with HttpClient(
        "tempo", settings, folder=folder, clock=clock or InstantSleepClock(), rng=NoJitterRandom()
    ) as source:
        yield source


@contextlib.asynccontextmanager
async def serve_tls(
    certificate: trustme.LeafCert,
    *,
    client_authority: trustme.CA | None = None,
    server: ScriptedServer | None = None,
) -> AsyncIterator[str]:
    """A server that speaks TLS, and asks for certificates if it knows whom to trust."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    if client_authority:
        client_authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    runner = web.AppRunner(
        (server or ScriptedServer()).build_app(), access_log=None, shutdown_timeout=1.0
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
