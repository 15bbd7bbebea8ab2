"""An agent that refuses what it must, and otherwise does what it is asked to."""

import json
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from tests.exporter.fake_agent import call_headers


@dataclass
class StrictAgent:
    """Takes events of a sane size, with all attributes, from whom it knows."""

    canary: str = ""
    authorization: str | None = None
    limit: int | None = None
    """Requests that are taken; all later ones are turned away."""
    cuts_off_long_ones: bool = False
    taken: int = 0
    issues: list[str] = field(default_factory=list)
    strangers: list[str | None] = field(default_factory=list)

    def app(self) -> web.Application:
        application = web.Application(client_max_size=500_000)
        application.router.add_post("/", self._take)
        return application

    async def _take(self, request: web.Request) -> web.Response:
        if self.limit is not None and self.taken >= self.limit:
            return web.Response(status=429)
        given = request.headers.get("Authorization")
        if self.authorization and given != self.authorization:
            self.strangers.append(given)
            return web.Response(status=401)
        if self.cuts_off_long_ones and (request.content_length or 0) > 500_000:
            assert request.transport is not None
            request.transport.abort()
        try:
            event = json.loads(await request.read())
            run_id, name = event["id"], event["data"]["annotations"]["lambda_function"]
            kind, _, _ = event["type"], event["source"], event["specversion"]
        except (ValueError, KeyError, RecursionError):
            return web.Response(status=400)
        if not name.replace("-", "").isalnum():
            return web.Response(status=422)
        self.taken += 1
        if kind.endswith("fired"):
            self.issues.append(run_id)
            await self._call(run_id, event["data"]["annotations"]["lambda_parameters"])
        return web.json_response({"status": "processed"})

    async def _call(self, run_id: str, parameters: str) -> None:
        async with (
            aiohttp.ClientSession() as client,
            client.post(
                self.canary,
                data=parameters.encode(),
                headers=call_headers(run_id),
                skip_auto_headers=["Content-Type"],
            ) as reply,
        ):
            await reply.read()
