"""Connections of a listener: their number and their deadlines."""

import asyncio
import ipaddress
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from aiohttp import ClientConnectionResetError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from exporter.resources import get_open_file_limit

_HEADER_TIMEOUT = 10.0
"""Seconds for the headers of a request to arrive, from the connection or their first byte on."""
_IDLE_TIMEOUT = 120.0
"""Seconds between two requests of a connection. It is longer than the clients keep connections, so
that no client sends a request on one that is just being closed."""
_LINGERING_TIME = 1.0
"""Seconds in which the rest of a body is discarded, so that the client can read the response."""
_IPV6_PREFIX = 64
"""Bits of an IPv6 address that name a network; its hosts can take any address of it."""


@lru_cache(maxsize=1_000)
def name_peer(address: str | None) -> str:
    """Return the peer to which an address belongs: an IPv4 address or an IPv6 network.

    Limits for each IPv6 address would be none, as a single host has billions of them.
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_PREFIX), strict=False))


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Maximum numbers of open connections.

    Attributes:
        total: of all peers.
        per_peer: of one peer.
    """

    total: int
    per_peer: int

    @classmethod
    def from_open_files(
        cls, share: Fraction, *, at_most: int, peer_share: Fraction = Fraction(1, 2)
    ) -> "ConnectionLimits":
        """Return limits as a share of the open files.

        The shares of all listeners leave a reserve for the prober's own connections and files.
        """
        total = min(at_most, int(get_open_file_limit() * share))
        return cls(total, int(total * peer_share))


@dataclass(frozen=True, slots=True)
class Excess:
    """Limit that no further connection may exceed.

    Attributes:
        text: the limit in words.
        peer: the peer whose limit it is; None for the limit of all.
    """

    text: str
    peer: str | None


class ConnectionCounter:
    """Counter of open connections by peer."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._by_peer: Counter[str] = Counter()
        self._total = 0

    def find_excess(self, peer: str) -> Excess | None:
        """Find the limit that one more connection of a peer would exceed."""
        if self._total >= self._limits.total:
            return Excess(f"{self._limits.total} connections are open", peer=None)
        if self._by_peer[peer] >= self._limits.per_peer:
            return Excess(f"{self._limits.per_peer} connections of {peer} are open", peer)
        return None

    def add(self, peer: str) -> None:
        """Count a connection that was opened."""
        self._by_peer[peer] += 1
        self._total += 1

    def remove(self, peer: str) -> None:
        """Count a connection that was closed."""
        self._by_peer[peer] -= 1
        self._total -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]


class RequestHandler(web.RequestHandler):
    """HTTP protocol of one connection, with deadlines for headers and for idle connections.

    aiohttp has one timeout for both, and none for a client that does not read its response.
    Bodies are not decompressed: a small one may expand to gigabytes.
    """

    __slots__ = ("_deadline", "_is_idle", "_on_close", "_timer")

    def __init__(self, server: web.Server, *, on_close: Callable[[], None]) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # as AppRunner takes it
            auto_decompress=False,
            lingering_time=_LINGERING_TIME,
        )
        self._on_close = on_close
        self._is_idle = False
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect the headers of the first request."""
        super().connection_made(transport)
        self._set_deadline(_HEADER_TIMEOUT)

    def data_received(self, data: bytes) -> None:
        """Expect the rest of the headers, if these are the first bytes of a request."""
        if self._is_idle:
            self._is_idle = False
            self._set_deadline(_HEADER_TIMEOUT)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the deadline. The timer of a lost connection would keep all of it in memory."""
        self._deadline = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)
        self._on_close()

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as aiohttp
        """Log an error, unless it is the client's: it could fill the log, and with its secrets."""
        error = kw.get("exc_info")
        # aiohttp writes `100 Continue` before the middlewares, which know a client that is gone.
        is_gone = self.transport is None or self.transport.is_closing()
        if isinstance(error, HttpProcessingError) or (
            is_gone and isinstance(error, ClientConnectionResetError)
        ):
            return
        super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - as aiohttp
    ) -> web.StreamResponse:
        """Build the response to a faulty request, without a text of the client."""
        return super().handle_error(request, status, exc, f"{HTTPStatus(status).phrase}\n")

    def begin_request(self) -> None:
        """Lift the deadline, as the headers are complete; the handler limits the time of a body."""
        self._deadline = math.inf

    def end_request(self) -> None:
        """Expect the client to read the response and to send another request, if it is there."""
        self._is_idle = True
        if self.transport is not None:
            self._set_deadline(_IDLE_TIMEOUT)

    def _set_deadline(self, seconds: float) -> None:
        """Set the deadline; a timer that is set already finds the new one when it expires."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._deadline:
            self._start_timer(self._deadline)

    def _start_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._check_deadline)

    def _check_deadline(self) -> None:
        """Close the connection at once if it is late; a plain close would wait for the client."""
        self._timer = None
        if self.transport is None or self._deadline == math.inf:
            return
        if asyncio.get_running_loop().time() < self._deadline:
            self._start_timer(self._deadline)
        else:
            self.transport.abort()


@web.middleware
async def mark_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the connection when a request begins and ends.

    A client that disconnects within a request is no error.
    """
    protocol = request.protocol
    if not isinstance(protocol, RequestHandler):
        return await handler(request)
    protocol.begin_request()
    try:
        return await handler(request)
    except ConnectionError:
        if protocol.transport is not None:
            raise
        return web.Response()  # nobody receives it
    finally:
        protocol.end_request()
