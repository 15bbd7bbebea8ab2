"""Health page of the target during a run: a blocked event loop is late even there."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

from exporter.httpclient.client import create_session
from exporter.httpclient.errors import ATTEMPT_ERRORS
from exporter.loadtest.monitor import RunMonitor

_SHORTEST_INTERVAL = 0.25
_TIMEOUT = 10.0
_PAGE = "/health"


async def watch_health(url: str, monitor: RunMonitor) -> None:
    """Request the health page again and again until cancelled, and note the seconds of each reply.

    None stands for a request without a reply.
    """
    interval = max(_SHORTEST_INTERVAL, monitor.interval / 4)
    page = urlunsplit((*urlsplit(url)[:2], _PAGE, "", ""))
    async with create_session() as session:
        while True:
            started, seconds = monitor.now, None
            try:
                async with asyncio.timeout(_TIMEOUT), session.get(page) as reply:
                    await reply.read()
                seconds = round(monitor.now - started, 4)
            except ATTEMPT_ERRORS:
                pass
            monitor.health["t"].append(round(started, 3))
            monitor.health["seconds"].append(seconds)
            await asyncio.sleep(interval)
