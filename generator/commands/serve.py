"""Command `slo-rules serve`: pages of the SLOs that running Prometheus servers have recorded."""

import asyncio
import gc
import sys
from pathlib import Path
from typing import Any

import click

from generator.commands import _report, _server_options, _values
from generator.commands._project import config_option
from slos.schema.extras import describe_missing, is_missing

_MAX_PORT = 65535


@click.command("serve")
@config_option
@_server_options.prometheus_option
@_server_options.http_config_option
@click.option(
    "--listen",
    default="127.0.0.1:8090",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on; with port 0 the system picks one.",
)
@click.option(
    "--grafana",
    metavar="URL",
    callback=_values.check_web_address,
    help="URL of the Grafana with the generated dashboards, for links.",
)
@click.option(
    "--graphs/--no-graphs",
    default=True,
    show_default=True,
    help="Link to the graphs of the sources. Mimir has no page for them.",
)
@click.option(
    "--web-config-file",
    "web_config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="TLS, users and headers of the pages, as web.config.file of Prometheus.",
)
def command(
    prometheus_urls: tuple[str, ...],
    http_configs: tuple[str, ...],
    listen: str,
    grafana: str | None,
    web_config: Path | None,
    *,
    graphs: bool,
) -> None:
    """Serve web pages of the SLOs that a Prometheus has recorded.

    Needs no specs: it reads the series that the rules of this program and of Sloth record. It only
    reads; nothing can be changed over the pages.

    \b
    Examples:
      slo-rules serve --prometheus http://localhost:9090
      slo-rules serve --prometheus eu=http://eu:9090 --prometheus us=http://us:9090
    """
    if is_missing("serve"):
        raise click.UsageError(describe_missing("slo-rules serve", "serve"))
    sources = _server_options.parse_sources(prometheus_urls, http_configs)
    host, port = _parse_address(listen)
    protection = _read_protection(web_config) if web_config else None
    gc.enable()  # off for commands that end soon
    # Both need the extra.
    from generator.web.app import Links  # noqa: PLC0415
    from generator.web.server import ServeError, ServerSettings, run_server  # noqa: PLC0415

    settings = ServerSettings(
        sources, host, port, links=Links(grafana or "", graphs), protection=protection
    )
    try:
        asyncio.run(run_server(settings, print_line=click.echo))
    except ServeError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _read_protection(path: Path) -> Any:  # noqa: ANN401 - of the other program
    """Read the protection of the pages with the reader that the program has been given.

    Both programs have the same format, and do not import each other.
    """
    read = click.get_current_context().obj
    if read is None:
        raise click.UsageError("--web-config-file needs slo-rules to be run as a program")
    protection, problems = read(path)
    _report.print_problems(problems)
    if protection is None:
        click.echo("nothing is served; fix the errors above", err=True)
        sys.exit(1)
    return protection


def _parse_address(text: str) -> tuple[str, int]:
    """Parse an address; without a host it is every address of this machine."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise click.UsageError(f"--listen {text!r} is not an address; write it like 127.0.0.1:8090")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)  # noqa: S104 - as Go
