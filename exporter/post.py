"""HTTP POST of one event; every failure is a value, not an exception."""

import errno
import io
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

from exporter.model.alert import CONTENT_TYPE
from exporter.model.evidence import TransportFault
from exporter.schedule.clock import Clock

_ENOUGH = 65_536
"""Bytes of a reply that are read; a reply of agent-sre has about a hundred."""

OWN_SHORTAGE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)
"""Errors of this machine, which say nothing about the target."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply to a request: a status, or the fault because of which there is none."""

    at: float
    status: int | None = None
    fault: TransportFault | None = None


def session() -> aiohttp.ClientSession:
    """Create a client session that shares no connection, DNS answer or cookie."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": "slo-probe"},
    )


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends request bodies.

    Attributes:
        client: session whose connections are used.
        clock: clock of the reply times.
        tls: builds the TLS context for https; None for the system's.
        server_name: name that the certificate must hold, where that is not the host of the URL.
    """

    client: aiohttp.ClientSession
    clock: Clock
    tls: Callable[[], ssl.SSLContext] | None = None
    server_name: str | None = None

    async def post(
        self,
        url: str,
        body: object,
        *,
        content_type: str = CONTENT_TYPE,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send an object as JSON, or bytes as they are; the caller sets the time limit.

        Redirects are not followed, because they lead to a host that is not configured.

        Raises:
            OSError: this machine ran out of a resource; that says nothing about the target.
        """
        # In chunks: a long body written at once would block the event loop.
        data = io.BytesIO(body) if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": content_type, **(headers or {})}
        try:
            async with self.client.post(
                url,
                data=data,
                headers=sent,
                allow_redirects=False,
                ssl=self.tls() if self.tls and url.startswith("https:") else True,
                server_hostname=self.server_name,
            ) as reply:
                await _enough(reply)
                return Reply(self.clock.now(), status=reply.status)
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, OSError) and error.errno in OWN_SHORTAGE:
                raise
            return Reply(self.clock.now(), fault=fault_of(error))


async def _enough(reply: aiohttp.ClientResponse) -> None:
    """Read a reply up to `_MAX_REPLY_BYTES` bytes."""
    read = 0
    async for chunk in reply.content.iter_any():
        read += len(chunk)
        if read >= _ENOUGH:
            return


def fault_of(error: BaseException) -> TransportFault:
    """Classify an error of the HTTP client."""
    kinds: list[tuple[type[BaseException], TransportFault]] = [
        (aiohttp.ClientConnectorDNSError, TransportFault.DNS),
        (aiohttp.ClientSSLError, TransportFault.TLS),
        (ssl.SSLError, TransportFault.TLS),
        (aiohttp.ServerFingerprintMismatch, TransportFault.TLS),
        (aiohttp.ClientConnectorError, _connecting(error)),
        (aiohttp.ClientResponseError, TransportFault.NOT_HTTP),
    ]
    return next((fault for kind, fault in kinds if isinstance(error, kind)), TransportFault.RESET)


def _connecting(error: BaseException) -> TransportFault:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, ConnectionRefusedError):
        return TransportFault.REFUSED
    return TransportFault.RESET if isinstance(cause, ConnectionError) else TransportFault.NO_ROUTE
