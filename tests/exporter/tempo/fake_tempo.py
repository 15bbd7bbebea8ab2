"""A small Tempo: search and traces by id, with one knob per way to misbehave."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from tests.exporter.tempo.recorded import SHAPES, Drawn, Shape, document

_CLAUSE = re.compile(r'span\.correlation_id = "((?:[^"\\]|\\.)*)"')


@dataclass
class FakeTempo:
    """Knows some traces; behaves well unless a knob says otherwise."""

    traces: dict[str, list[Drawn]] = field(default_factory=dict)
    """By trace id in full."""
    shape: Shape = SHAPES["tempo 2, v1"]
    visible_after: int = 0
    """Requests until the spans are ingested; before that nothing is found."""
    searchable: bool = True
    search_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of a search that is refused."""
    broken: dict[str, bytes] = field(default_factory=dict)
    """What to answer for a trace instead of it."""
    hang: bool = False
    asked: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/search", self._search)
        app.router.add_get("/api/traces/{id}", self._trace)
        app.router.add_get("/api/v2/traces/{id}", self._trace)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, _: web.Application) -> None:
        self._over.set()

    async def _ingested(self, request: web.Request) -> bool:
        self.asked.append(request.path)
        if self.hang:
            await self._over.wait()
        return len(self.asked) > self.visible_after

    async def _search(self, request: web.Request) -> web.Response:
        ingested = await self._ingested(request)
        self.queries.append(dict(request.query))
        if self.search_status != 200:
            return web.Response(status=self.search_status, text="no", headers=self.headers)
        wanted = _CLAUSE.findall(request.query["q"])
        found = [
            {
                "traceID": name.lstrip("0"),
                "rootServiceName": "agent-sre",
                "rootTraceName": "cloudevent.handle",
                "startTimeUnixNano": "1700000000000000000",
                "durationMs": 1000,
                "spanSets": [{"spans": [], "matched": 1}],
            }
            for name, spans in self.traces.items()
            if ingested and self.searchable and _holds(spans, wanted)
        ]
        limited = found[: int(request.query["limit"])]
        return web.json_response({"traces": limited, "metrics": {"totalBlocks": 1}})

    async def _trace(self, request: web.Request) -> web.Response:
        ingested, name = await self._ingested(request), request.match_info["id"]
        if name in self.broken:
            return web.Response(body=self.broken[name])
        if not ingested or name not in self.traces:
            return web.Response(status=404, text="trace not found")
        return web.json_response(document(self.traces[name], self.shape, trace=name))


def _holds(spans: Sequence[Drawn], wanted: Sequence[str]) -> bool:
    return any(span.attributes.get("correlation_id") in wanted for span in spans)
