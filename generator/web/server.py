"""Server process of the pages: opens the connections and the listener, and closes them."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp
from aiohttp import web

from generator.clients.http_config import Source
from generator.clients.query_api import QUERY_TIMEOUT, QueryClient, describe_os_error
from generator.web.app import Links, Pages
from generator.web.snapshot import Snapshot


class ServeError(Exception):
    """The server cannot start; the text gives the reason."""


class Protection(Protocol):
    """Protection of the pages against unknown clients."""

    @property
    def tls(self) -> ssl.SSLContext | None:
        """TLS context of the listener; None for HTTP."""

    def install(self, app: web.Application) -> None:
        """Install the protection for every path of an application."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of the server.

    Attributes:
        sources: servers to read.
        host: address to listen on.
        port: port; 0 for a free one.
        links: other programs.
        protection: protection of the pages; None for none.
        query_timeout: seconds that one query may take.
    """

    sources: Sequence[Source]
    host: str = "127.0.0.1"
    port: int = 0
    links: Links = field(default_factory=Links)
    protection: Protection | None = None
    query_timeout: float = QUERY_TIMEOUT


@contextlib.asynccontextmanager
async def open_server(settings: ServerSettings) -> AsyncIterator[str]:
    """Serve the pages while the block runs, and return their URL.

    Raises:
        ServeError: the address cannot be used.
    """
    tls = settings.protection.tls if settings.protection else None
    async with aiohttp.ClientSession() as session:
        clients = (
            QueryClient(source, session, settings.query_timeout) for source in settings.sources
        )
        snapshot = Snapshot(list(clients))
        app = Pages(snapshot, settings.links).build_app()
        if settings.protection:
            settings.protection.install(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls)
            await _start(site, f"{settings.host}:{settings.port}")
            address = runner.addresses[0]
            name = f"[{address[0]}]" if ":" in address[0] else address[0]
            yield f"{'https' if tls else 'http'}://{name}:{address[1]}"
        finally:
            await runner.cleanup()


async def run_server(settings: ServerSettings, *, print_line: Callable[[str], object]) -> None:
    """Serve the pages until the process is told to stop.

    Args:
        settings: the settings.
        print_line: called with the line that tells the address.

    Raises:
        ServeError: the address cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_server(settings) as url:
        print_line(f"listening on {url}")
        await stop.wait()


async def _start(site: web.TCPSite, address: str) -> None:
    try:
        await site.start()
    except OSError as error:
        raise ServeError(f"cannot listen on {address}: {describe_os_error(error)}") from error
