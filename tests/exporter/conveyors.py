"""What lies between prober and agent-sre on the longer ways: Alertmanager, converter, broker."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from exporter.events import CONTENT_TYPE, FIRED, RESOLVED
from exporter.live import binaries
from tests.exporter.program import free_port


@dataclass
class Conveyor:
    """Takes notifications of Alertmanager, or events of a broker, and passes them on later."""

    agent: str
    delay: float = 0.0
    copies: int = 1
    given: dict[str, str] = field(default_factory=dict)
    """New ids that the converter gave, each with the value of the label `service`."""
    ended: set[str] = field(default_factory=set)
    """Values of the label `service` of alerts that were told to have ended."""
    _under_way: set["asyncio.Task[None]"] = field(default_factory=set)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/webhook", self._convert)
        app.router.add_post("/broker", self._take)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, _: web.Application) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _convert(self, request: web.Request) -> web.Response:
        for alert in (await request.json())["alerts"]:
            event_id, firing = str(uuid.uuid4()), alert["status"] == "firing"
            if firing:
                self.given[event_id] = alert["labels"]["service"]
            else:
                self.ended.add(alert["labels"]["service"])
            event = {
                "specversion": "1.0",
                "type": FIRED if firing else RESOLVED,
                "source": "prometheus-events",
                "id": event_id,
                "data": alert,
            }
            self._deliver(event)
        return web.Response()

    async def _take(self, request: web.Request) -> web.Response:
        self._deliver(json.loads(await request.read()))
        return web.Response(status=202)

    def _deliver(self, event: dict[str, object]) -> None:
        for _ in range(self.copies):
            task = asyncio.create_task(self._post(event))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _post(self, event: dict[str, object]) -> None:
        await asyncio.sleep(self.delay)
        headers = {"Content-Type": CONTENT_TYPE}
        body = json.dumps(event).encode()
        async with (
            aiohttp.ClientSession() as client,
            client.post(self.agent, data=body, headers=headers),
        ):
            pass


@dataclass(frozen=True)
class Router:
    """A real Alertmanager."""

    url: str

    async def active(self) -> set[str]:
        """The label `service` of alerts that fire."""
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{self.url}/api/v2/alerts?active=true") as reply,
        ):
            return {alert["labels"]["service"] for alert in await reply.json()}

    async def firing(self, holds: Callable[[set[str]], bool]) -> None:
        """Wait until something holds of the alerts that fire."""
        async with asyncio.timeout(30):
            while not holds(await self.active()):  # noqa: ASYNC110 - it sets no event here
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def alertmanager(folder: Path, *hooks: str) -> AsyncIterator[Router]:
    """Alertmanager in a process of its own, which notifies of each `service` by itself."""
    binary = binaries.find("alertmanager")
    assert binary, "make set-up-dev unpacks it"
    config, address = folder / "alertmanager.yml", f"127.0.0.1:{free_port()}"
    route = {"group_by": ["service"], "group_wait": "500ms", "group_interval": "1s"}
    receivers = [
        {"name": "all", "webhook_configs": [{"url": url, "send_resolved": True} for url in hooks]}
    ]
    text = json.dumps({"route": {"receiver": "all", **route}, "receivers": receivers})
    await asyncio.to_thread(config.write_text, text)
    process = await asyncio.create_subprocess_exec(
        str(binary),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await _ready(f"http://{address}")
        yield Router(f"http://{address}")
    finally:
        process.kill()
        await process.wait()


async def _ready(url: str) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as client:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with client.get(f"{url}/-/ready") as reply:
                    if reply.ok:
                        return
            await asyncio.sleep(0.05)
