"""The pages and the state they are drawn from."""

from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry

from exporter.metrics import exposition
from exporter.result import ProbeResult

STUCK_AFTER = 10.0
"""Seconds without a beat of the scheduler after which the process is not healthy."""
_INDEX = """<!doctype html><title>slo-probe</title><h1>slo-probe</h1><ul>
<li><a href="/metrics">metrics</a><li><a href="/runs">last runs</a>
<li><a href="/-/healthy">healthy</a><li><a href="/-/ready">ready</a></ul>
"""


class Site:
    """Pages over live state; `ready` is set by the application."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        beat_age: Callable[[], float],
        recent: Callable[[], Iterable[ProbeResult]],
        scraped: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._beat_age = beat_age
        self._recent = recent
        self._scraped = scraped
        self.ready = False
        self.app = web.Application()
        self.app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
                web.get("/runs", self._runs),
            ]
        )

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text=_INDEX, content_type="text/html")

    async def _metrics(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        body = exposition(self._registry)
        self._scraped()
        return web.Response(body=body, headers=headers)

    async def _healthy(self, _: web.Request) -> web.Response:
        age = self._beat_age()
        if age > STUCK_AFTER:
            return web.Response(status=503, text=f"the scheduler is stuck for {age:.0f} s\n")
        return web.Response(text="healthy\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if not self.ready:
            return web.Response(status=503, text="not ready\n")
        return web.Response(text="ready\n")

    async def _runs(self, _: web.Request) -> web.Response:
        return web.json_response([result.as_json_with_time() for result in self._recent()])
