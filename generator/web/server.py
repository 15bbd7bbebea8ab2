"""Server process of the pages: opens the connections and the listener, and closes them."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence

import aiohttp
from aiohttp import web

from generator.clients.http_config import Source
from generator.clients.query_api import QueryClient
from generator.web.app import Links, Pages
from generator.web.snapshot import Snapshot


class ServeError(Exception):
    """The server cannot start; the text gives the reason."""


@contextlib.asynccontextmanager
async def open_server(
    sources: Sequence[Source], host: str, port: int, links: Links
) -> AsyncIterator[str]:
    """Serve the pages while the block runs, and return their URL.

    Args:
        sources: servers to read.
        host: address to listen on.
        port: port; 0 for a free one.
        links: other programs.

    Raises:
        ServeError: the address cannot be used.
    """
    async with aiohttp.ClientSession() as session:
        snapshot = Snapshot([QueryClient(source, session) for source in sources])
        runner = web.AppRunner(
            Pages(snapshot, links).build_app(), access_log=None, shutdown_timeout=1.0
        )
        await runner.setup()
        try:
            await _start(web.TCPSite(runner, host, port), f"{host}:{port}")
            address = runner.addresses[0]
            name = f"[{address[0]}]" if ":" in address[0] else address[0]
            yield f"http://{name}:{address[1]}"
        finally:
            await runner.cleanup()


async def run_server(
    sources: Sequence[Source],
    host: str,
    port: int,
    *,
    links: Links,
    print_line: Callable[[str], object],
) -> None:
    """Serve the pages until the process is told to stop.

    Args:
        sources: servers to read.
        host: address to listen on.
        port: port; 0 for a free one.
        links: other programs.
        print_line: called with the line that tells the address.

    Raises:
        ServeError: the address cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_server(sources, host, port, links) as url:
        print_line(f"listening on {url}")
        await stop.wait()


async def _start(site: web.TCPSite, address: str) -> None:
    try:
        await site.start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ServeError(f"cannot listen on {address}: {reason}") from error
