"""Balancer in front of several simulators, in a process of its own.

It forwards each request to the next backend in turn. `GET /-/backends` returns the number of
events that each backend was given, and `PUT /-/backends` replaces the list of backends.
"""

import argparse
import asyncio
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import aiohttp
from aiohttp import web

from exporter.simulator.options import parse_host_and_port

BACKENDS_PATH = "/-/backends"
_FORWARDED = ("content-type", "ce-id", "ce-type", "ce-source", "ce-specversion", "traceparent")


class Balancer:
    """Round-robin balancer; a backend that cannot be reached is passed over."""

    def __init__(self) -> None:
        self._backends: Sequence[str] = ()
        self._turns = itertools.count()
        self._served: Counter[str] = Counter()
        self._session: aiohttp.ClientSession | None = None

    def build_app(self) -> web.Application:
        """Build the web application."""
        app = web.Application(client_max_size=0)
        app.cleanup_ctx.append(self._open_session)
        app.router.add_get(BACKENDS_PATH, self._show_backends)
        app.router.add_put(BACKENDS_PATH, self._set_backends)
        app.router.add_route("*", "/{path:.*}", self._forward)
        return app

    async def _open_session(self, _: web.Application) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            self._session = session
            yield

    async def _show_backends(self, _: web.Request) -> web.Response:
        return web.json_response({url: self._served[url] for url in self._backends})

    async def _set_backends(self, request: web.Request) -> web.Response:
        self._backends = [str(url) for url in await request.json()]
        return web.Response(status=204)

    async def _forward(self, request: web.Request) -> web.Response:
        backends, body = list(self._backends), await request.read()
        # Pages take no turn, so that the events are spread evenly.
        turn = next(self._turns) if request.method == "POST" else 0
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        for number in range(len(backends)):
            url = backends[(turn + number) % len(backends)]
            counted = int(request.method == "POST")
            self._served[url] += counted
            try:
                return await self._send(request.method, f"{url}{request.path_qs}", headers, body)
            except aiohttp.ClientConnectorError:
                self._served[url] -= counted
            except (aiohttp.ClientError, OSError):
                return web.Response(status=502, text=f"{url} ended the connection\n")
        return web.Response(status=503, text="no backend can be reached\n")

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> web.Response:
        session = self._session
        if session is None:
            raise OSError("the balancer is closed")
        skipped = ["Content-Type"]
        async with session.request(
            method, url, headers=headers, data=body, skip_auto_headers=skipped
        ) as reply:
            content_type = reply.headers.get("Content-Type", "text/plain")
            return web.Response(
                status=reply.status,
                body=await reply.read(),
                headers={"Content-Type": content_type},
            )


async def _serve(host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(Balancer().build_app(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        host, port = runner.addresses[0][:2]
        print(f"listening on http://{host}:{port}", flush=True)  # noqa: T201 - its parent reads it
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description="Balance requests over simulators.")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    asyncio.run(_serve(*parse_host_and_port(parser.parse_args().listen)))


if __name__ == "__main__":
    main()
