"""Server loop of the simulator commands, until a signal arrives."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import click


class Served(Protocol):
    """Running simulator."""

    @property
    def url(self) -> str:
        """URL of the simulator."""


def serve(
    running: Callable[[], AbstractAsyncContextManager[Served]], *, listen: tuple[str, int]
) -> None:
    """Serve until SIGTERM or SIGINT, and print the address.

    Args:
        open_server: context manager that serves while it is open.
        listen: host and port, for the error message.

    Raises:
        click.ClickException: the address cannot be listened on.
    """
    try:
        asyncio.run(_until_told(running))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        host, port = listen
        raise click.ClickException(f"cannot listen on {host}:{port}: {reason}") from error


async def _until_told(running: Callable[[], AbstractAsyncContextManager[Served]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running() as served:
        click.echo(f"listening on {served.url}")
        await stop.wait()
