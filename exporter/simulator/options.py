"""Option types and serving until a signal, for the commands of both simulators."""

import asyncio
import gc
import math
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import click

from exporter.httpclient.auth import CredentialsError, read_secret_file
from exporter.simulator.fault_injection import ActiveFaults

MAX_PORT = 65_535
F = TypeVar("F", bound=Callable[..., Any])


class OneLineErrors(click.Command):
    """Command with one-line usage errors; the long help is at `--help`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, and drop the context that makes errors long."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(error.format_message()) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; errors about the combination of options are one line too."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise click.UsageError(error.format_message()) from error


def parse_address(_ctx: click.Context, _param: click.Parameter, text: str) -> tuple[str, int]:
    """Parse HOST:PORT as a pair; IPv6 hosts are in brackets."""
    return parse_host_and_port(text)


def parse_host_and_port(text: str) -> tuple[str, int]:
    """Parse HOST:PORT as a pair; IPv6 hosts are in brackets.

    Raises:
        click.BadParameter: it is something else.
    """
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise click.BadParameter(f"{text!r} is not HOST:PORT with a port from 0 to {MAX_PORT}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def check_url(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    """Check an http or https URL."""
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme in ("http", "https") and bool(parts.netloc)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise click.BadParameter(f"{text!r} is not an http:// or https:// URL")
    return text


def check_rate(_ctx: click.Context, _param: click.Parameter, events_per_second: float) -> float:
    """Check a finite rate; 0 means no limit."""
    if not (math.isfinite(events_per_second) and events_per_second >= 0):
        raise click.BadParameter("events per second must be 0 (unlimited) or more")
    return events_per_second


def fault_option(parse: Callable[[Iterable[str]], ActiveFaults[Any]]) -> Callable[[F], F]:
    """Declare the option `--fault` of a simulator, with the parser of its faults."""

    def parse_texts(
        _ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]
    ) -> ActiveFaults[Any]:
        try:
            return parse(texts)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return click.option(
        "--fault",
        "faults",
        metavar="FAULT",
        multiple=True,
        callback=parse_texts,
        help="Fault at the start; repeat it, or separate faults by commas.",
    )


def read_key_option(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> str | None:
    """Read the API key from a file; the key never appears in a message."""
    if path is None:
        return None
    try:
        return read_secret_file("key", path)
    except CredentialsError as error:
        raise click.BadParameter(error.reason) from error


class RunningServer(Protocol):
    """Running simulator."""

    @property
    def url(self) -> str:
        """URL of the simulator."""


def serve_until_signal(
    open_server: Callable[[], AbstractAsyncContextManager[RunningServer]],
    *,
    listen: tuple[str, int],
) -> None:
    """Serve until SIGTERM or SIGINT, and print the address.

    Args:
        open_server: context manager that serves while it is open.
        listen: host and port, for the error message.

    Raises:
        click.ClickException: the address cannot be listened on.
    """
    gc.enable()  # the command line has disabled it
    try:
        asyncio.run(_run_until_signal(open_server))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        host, port = listen
        raise click.ClickException(f"cannot listen on {host}:{port}: {reason}") from error


async def _run_until_signal(
    open_server: Callable[[], AbstractAsyncContextManager[RunningServer]],
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_server() as server:
        click.echo(f"listening on {server.url}")
        await stop.wait()
