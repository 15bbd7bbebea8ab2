"""Server of the Linear simulator, for tests and for the command."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from exporter.clock import Clock, SystemClock
from exporter.fields import Address
from exporter.simulator.linear_api.app import Face
from exporter.simulator.linear_api.faults import Faults
from exporter.simulator.linear_api.served import Served
from exporter.simulator.linear_api.settings import Https, Settings

_SHUTDOWN_GRACE = 0.5


@dataclass(frozen=True)
class LinearApi:
    """Listening simulator."""

    url: str
    """The GraphQL endpoint, e.g. `http://127.0.0.1:8001/graphql`."""
    face: Face
    https: str | None = None
    """The same endpoint over TLS, if it was configured."""

    @property
    def faults(self) -> Faults:
        """The active faults: `api.faults.set("lag:2")`."""
        return self.face.faults

    @property
    def served(self) -> Served:
        """Counts of what it did so far."""
        return self.face.served

    def issues(self) -> list[Mapping[str, Any]]:
        """List the fields of all kept issues, oldest first."""
        return self.face.workspace.issues()


@asynccontextmanager
async def running_linear_api(
    settings: Settings | None = None,
    faults: Faults | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
) -> AsyncIterator[LinearApi]:
    """Serve a simulator while the block runs; port 0 picks a free one.

    Raises:
        OSError: an address cannot be listened on, or there is no certificate.
    """
    chosen = settings or Settings()
    face = Face(chosen, faults or Faults(), clock=clock or SystemClock())
    runner = web.AppRunner(
        face.app(), access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_GRACE
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        address = Address(host, runner.addresses[0][1])
        https = await _over_tls(runner, chosen.https) if chosen.https else None
        yield LinearApi(f"http://{address}/graphql", face, https)
    finally:
        await runner.cleanup()


async def _over_tls(runner: web.AppRunner, asked: Https) -> str:
    """Listen with TLS as well; return the URL."""
    context, (host, port) = asked.context(), (asked.listen.host, asked.listen.port)
    await web.TCPSite(runner, host, port, backlog=1024, ssl_context=context).start()
    return f"https://{Address(host, runner.addresses[-1][1])}/graphql"
