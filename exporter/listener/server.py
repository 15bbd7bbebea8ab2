"""Server of an application: binds a port, accepts connections and closes them at the end."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable
from fractions import Fraction

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.fields import Address
from exporter.listener.connections import (
    ConnectionCounter,
    ConnectionLimits,
    RequestHandler,
    mark_request,
    name_peer,
)
from exporter.listener.tls import ServerTlsContext
from exporter.resources import RepeatedWarning, is_shortage
from exporter.schedule.tasks import cancel_tasks

_log = logging.getLogger(__name__)

_BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel's own limit may be lower."""
_ACCEPTS_PER_ROUND = 64
"""Connections accepted in a row before other tasks run."""
_ACCEPT_RETRY_INTERVAL = 0.1
_SHUTDOWN_TIMEOUT = 1.0
_TLS_TIMEOUT = 10.0

_SMALL_SHARE, _SMALL_TOTAL = Fraction(1, 8), 512
"""Share and number of connections of a listener that only a few clients use."""


class ListenError(Exception):
    """Error of binding an address; the text has the address and the reason."""


def bind_socket(name: str, address: Address) -> socket.socket:
    """Bind a listener to an address.

    Raises:
        ListenError: it is taken, forbidden or not of this machine.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        raise ListenError(
            f"{name}: cannot listen on {address}: {_describe_bind_error(error)}"
        ) from error


def _describe_bind_error(error: OSError | UnicodeError) -> str:
    if isinstance(error, (UnicodeError, socket.gaierror)):
        return "no such host"
    return os.strerror(error.errno) if error.errno else str(error)


def format_url(listener: socket.socket, *, tls: bool = False) -> str:
    """Return the URL of a bound listener."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{Address(host, port)}"


def _ignore_shortage(_peer: str | None) -> None:
    """Do nothing; the default for a listener whose clients may try again."""


class HttpServer:
    """Server of one application on one socket.

    The event loop's own server logs each failed accept and has no limit of connections.

    Args:
        app: the application.
        listener: bound socket; it is closed at the end.
        tls: TLS of the connections.
        limits: limits of open connections.
        on_shortage: called when a connection cannot be accepted or served for lack of a resource,
            with the peer if no other one lacks it.
    """

    def __init__(
        self,
        app: web.Application,
        listener: socket.socket,
        *,
        tls: ServerTlsContext | None,
        limits: ConnectionLimits,
        on_shortage: Callable[[str | None], None],
    ) -> None:
        app.middlewares.insert(0, mark_request)
        app.middlewares.append(self._build_shortage_middleware())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        self._listener = listener
        self._tls = tls
        self._connections = ConnectionCounter(limits)
        self._on_shortage = on_shortage
        self._warning = RepeatedWarning(_log)
        self._opening: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._watched: int | None = None
        self.is_accepting = False
        """True if the server accepts connections, or will as soon as it can."""
        self._url = format_url(listener, tls=tls is not None)

    async def start(self) -> None:
        """Accept connections from now on."""
        await self._runner.setup()
        self._listener.settimeout(0)
        self.is_accepting = True
        self._watch_listener()

    async def cleanup(self) -> None:
        """Close the socket and all connections; requests under way get a second to finish."""
        try:
            self.is_accepting = False
            self._leave_listener()
            await cancel_tasks(*self._opening)
        finally:
            self._listener.close()
            await self._runner.cleanup()

    def _watch_listener(self) -> None:
        if self._listener.fileno() < 0:  # it was closed
            self.is_accepting = False
            return
        self._watched = self._listener.fileno()
        asyncio.get_running_loop().add_reader(self._watched, self._accept_connections)

    def _leave_listener(self) -> None:
        if self._watched is not None:  # by its number, as the listener may be closed already
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _accept_later(self) -> None:
        """Accept nothing for a moment: what is missing now is missing at once again."""
        self._leave_listener()
        loop = asyncio.get_running_loop()
        self._retry = loop.call_later(_ACCEPT_RETRY_INTERVAL, self._watch_listener)

    def _accept_connections(self) -> None:
        """Accept the connections that wait; the event loop calls it again if there are more."""
        for _ in range(_ACCEPTS_PER_ROUND):
            try:
                connection, address = self._listener.accept()
                connection.settimeout(0)
                self._open_connection(connection, name_peer(address[0]))
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:  # the client has gone
                continue
            except (OSError, MemoryError) as error:
                self._report_shortage(f"cannot accept connections: {_describe_error(error)}")
                self._accept_later()
                return
            except Exception as error:  # noqa: BLE001 - a bug must not close the listener
                self._warning.log(f"{self._url}: a connection failed", bug=error)
                self._accept_later()
                return

    def _open_connection(self, connection: socket.socket, peer: str) -> None:
        with contextlib.ExitStack() as undoing:
            undoing.callback(connection.close)
            if excess := self._connections.find_excess(peer):
                self._report_shortage(f"connections are refused: {excess.text}", excess.peer)
                return
            self._connections.add(peer)
            undoing.callback(self._connections.remove, peer)
            serving = self._serve_connection(connection, peer)
            undoing.callback(serving.close)
            opening = asyncio.create_task(serving, name="connection")
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
            undoing.pop_all()

    async def _serve_connection(self, connection: socket.socket, peer: str) -> None:
        """Start the protocol of a connection; it ends by itself."""
        loop, closing = asyncio.get_running_loop(), contextlib.ExitStack()
        closing.callback(self._connections.remove, peer)
        try:
            await loop.connect_accepted_socket(
                lambda: RequestHandler(self._get_server(), on_close=closing.close),
                connection,
                ssl=self._tls.context if self._tls else None,
                ssl_handshake_timeout=_TLS_TIMEOUT if self._tls else None,
            )
        except (OSError, MemoryError) as error:
            closing.close()
            if is_shortage(error):
                self._report_shortage(f"a connection failed: {_describe_error(error)}")
            else:
                _log.debug("%s: a connection failed: %s", self._url, _describe_error(error))
        except BaseException:
            closing.close()
            raise

    def _get_server(self) -> web.Server:
        if self._runner.server is None:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the server is closed")
        return self._runner.server

    def _build_shortage_middleware(self) -> Middleware:
        @web.middleware
        async def report_shortage(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except (OSError, MemoryError) as error:
                if not is_shortage(error):
                    raise
                self._report_shortage(f"a request failed: {_describe_error(error)}")
                return web.Response(status=503, text="out of resources\n")

        return report_shortage

    def _report_shortage(self, text: str, peer: str | None = None) -> None:
        self._on_shortage(peer)
        self._warning.log(f"{self._url}: {text}")


def _describe_error(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out of memory"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


async def serve_app(
    app: web.Application,
    listener: socket.socket,
    *,
    tls: ServerTlsContext | None = None,
    limits: ConnectionLimits | None = None,
    on_shortage: Callable[[str | None], None] = _ignore_shortage,
) -> HttpServer:
    """Serve an application on a bound listener until the server is cleaned up.

    Args:
        app: the application.
        listener: bound socket; the server closes it.
        tls: TLS of the connections.
        limits: limits of open connections. Default: those of a listener with a few clients.
        on_shortage: called when a connection cannot be accepted or served for lack of a resource,
            with the peer if no other one lacks it.
    """
    server = HttpServer(
        app,
        listener,
        tls=tls,
        limits=limits or ConnectionLimits.from_open_files(_SMALL_SHARE, at_most=_SMALL_TOTAL),
        on_shortage=on_shortage,
    )
    await server.start()
    return server
