"""HTTP listeners: bound first and served later, so that a taken port stops the start early."""

import os
import socket

from aiohttp import web

from exporter.fields import Address
from exporter.web.certificates import ServerTls

_SHUTDOWN_SECONDS = 1.0


class ListenError(Exception):
    """An address cannot be bound; the text says which and why."""


def bind(name: str, address: Address) -> socket.socket:
    """Bind a listener to an address.

    Raises:
        ListenError: it is taken, forbidden or not of this machine.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        raise ListenError(f"{name}: cannot listen on {address}: {_why(error)}") from error


def _why(error: OSError | UnicodeError) -> str:
    if isinstance(error, (UnicodeError, socket.gaierror)):
        return "no such host"
    return os.strerror(error.errno) if error.errno else str(error)


def url(listener: socket.socket, *, tls: bool = False) -> str:
    """Return the URL of a bound listener."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{Address(host, port)}"


async def serve(
    app: web.Application, listener: socket.socket, *, tls: ServerTls | None = None
) -> web.AppRunner:
    """Serve an application on a bound listener until the runner is cleaned up."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls.context if tls else None).start()
    return runner
