"""Checks of command-line options: an invalid value is one line of error, never a traceback."""

import math
from pathlib import Path
from urllib.parse import urlsplit

import click

from exporter.simulator.faults import Faults
from exporter.simulator.settings import Settings

MAX_PORT = 65_535


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


def address(_ctx: click.Context, _param: click.Parameter, text: str) -> tuple[str, int]:
    """Parse HOST:PORT as a pair; IPv6 hosts are in brackets."""
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise click.BadParameter(f"{text!r} is not HOST:PORT with a port from 0 to {MAX_PORT}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def url(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    """Check an http or https URL."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.netloc)
    except ValueError:
        sound = False
    if not sound:
        raise click.BadParameter(f"{text!r} is not an http:// or https:// URL")
    return text


def template(ctx: click.Context, param: click.Parameter, text: str) -> str:
    """Check a URL template; the only placeholders are {name} and {namespace}."""
    try:
        url(ctx, param, Settings(function_url=text).function_base("function"))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        hint = "only {name} and {namespace} are filled in"
        raise click.BadParameter(f"{text!r} is no URL template; {hint}") from error
    return text


def rate(_ctx: click.Context, _param: click.Parameter, events_per_second: float) -> float:
    """Check a finite rate; 0 means no limit."""
    if not (math.isfinite(events_per_second) and events_per_second >= 0):
        raise click.BadParameter("events per second must be 0 (unlimited) or more")
    return events_per_second


def faults(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> Faults:
    """Parse faults from their texts."""
    try:
        return Faults(texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def key(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> str | None:
    """Read the API key from a file; the key never appears in a message."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"cannot read a key from {str(path)!r}") from error
    if not text or not text.isprintable():
        raise click.BadParameter(f"{str(path)!r} does not hold a key on one line")
    return text
