"""Health page of the target during a run: a blocked event loop is late even there."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

from exporter.httpclient.errors import ATTEMPT_ERRORS
from exporter.loadtest.monitor import RunMonitor
from exporter.paths import PathContext

_SHORTEST_INTERVAL = 0.25
_TIMEOUT = 10.0
_PAGE = "/health"


async def watch_health(path_context: PathContext, monitor: RunMonitor) -> None:
    """Request the health page again and again until cancelled, and note the seconds of each reply.

    The requests have the TLS settings and the login of the target, like its events. None stands for
    a request without a reply.
    """
    interval = max(_SHORTEST_INTERVAL, monitor.interval / 4)
    page = urlunsplit((*urlsplit(path_context.url)[:2], _PAGE, "", ""))
    while True:
        started = monitor.now
        is_answered = await _request_page(page, path_context)
        monitor.health["t"].append(round(started, 3))
        monitor.health["seconds"].append(round(monitor.now - started, 4) if is_answered else None)
        await asyncio.sleep(interval)


async def _request_page(page: str, path_context: PathContext) -> bool:
    """Request the page; return whether there was a reply, of any status."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            headers = await asyncio.to_thread(path_context.read_headers)
            reply = await path_context.target_sender.get(page, headers=headers)
    except ATTEMPT_ERRORS:
        return False
    return reply.status is not None
