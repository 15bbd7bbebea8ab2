"""Send one event and tell what came back; every way it can fail is a value, not an error."""

import errno
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from exporter.clock import Clock
from exporter.events import CONTENT_TYPE
from exporter.evidence import TransportFault

_ENOUGH = 65_536
"""Bytes of a reply that are read; agent-sre's has about a hundred."""


_OWN_SHORTAGE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender saw: a status, or why there was none."""

    at: float
    status: int | None = None
    fault: TransportFault | None = None


def session() -> aiohttp.ClientSession:
    """A client that shares nothing between two events: no connection, no name, no cookie."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": "slo-probe"},
    )


async def post(
    client: aiohttp.ClientSession, url: str, event: Mapping[str, Any], *, clock: Clock
) -> Reply:
    """Send an event in structured mode; the caller sets the time limit.

    Redirects are not followed: where they lead is nobody the prober meant to ask.

    Raises:
        OSError: this machine ran out of something; that says nothing about the target.
    """
    headers = {"Content-Type": CONTENT_TYPE}
    try:
        async with client.post(url, json=event, headers=headers, allow_redirects=False) as reply:
            read = 0
            async for chunk in reply.content.iter_any():
                read += len(chunk)
                if read >= _ENOUGH:
                    break
            return Reply(clock.now(), status=reply.status)
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error, OSError) and error.errno in _OWN_SHORTAGE:
            raise
        return Reply(clock.now(), fault=_fault(error))


def _fault(error: BaseException) -> TransportFault:
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
