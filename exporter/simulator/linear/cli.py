"""Command `slo-probe simulate-linear`: serve the Linear simulator until SIGTERM or Ctrl-C."""

from pathlib import Path

import click

from exporter.fields import Address
from exporter.simulator import options
from exporter.simulator.linear.faults import LinearFaults
from exporter.simulator.linear.server import serve_linear_api
from exporter.simulator.linear.settings import HttpsSettings, Settings
from exporter.simulator.options import serve_until_signal

EPILOG = """
\b
Faults:
  none                   clears the faults before it
  down                   closes every connection without a response
  error                  responds 500
  garbage                responds 200 with a page of HTML
  unauthorized           rejects every key
  forbidden              rejects the archiving of issues
  ratelimited:<seconds>  responds 429 with that Retry-After
  creations:<a second>   rejects the creation of more issues than that
  slow:<seconds>         delays every response
  lag:<seconds>          delays new issues in searches
  skew:<seconds>         sets its clock ahead, or behind if negative

\b
Faults can be changed while it runs; the new ones replace the old:
  curl localhost:8001/fault
  curl localhost:8001/fault -d lag:2,skew:-3
  curl localhost:8001/fault -d none
Counters:
  curl localhost:8001/served

\b
Examples:
  slo-probe simulate-linear --listen 127.0.0.1:0
  slo-probe simulate-linear --requests-per-hour 2500 --fault lag:1.5
  slo-probe simulate-linear --https-listen 127.0.0.1:8443 --https-from folder
  slo-probe simulate --linear-url http://127.0.0.1:8001/graphql --linear-key-file key
"""
"""Text below the options; `\\b` is click's mark for text it must not wrap."""


def _parse_optional_address(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> Address | None:
    return None if text is None else Address(*options.parse_address(ctx, param, text))


def _build_https(listen: Address | None, folder: Path | None) -> HttpsSettings | None:
    """Build the HTTPS settings from both options, or None from neither.

    Raises:
        click.UsageError: one option is missing, or the certificate cannot be used.
    """
    if listen is None and folder is None:
        return None
    if listen is None or folder is None:
        raise click.UsageError("--https-listen and --https-from belong together")
    https = HttpsSettings(listen, folder)
    try:
        https.build_context()
    except OSError as error:
        hint = "it needs tls.crt and tls.key in PEM, which match each other"
        raise click.UsageError(f"--https-from: no certificate in {folder}; {hint}") from error
    return https


@click.command(name="simulate-linear", cls=options.OneLineErrors, epilog=EPILOG)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8001",
    show_default=True,
    callback=options.parse_address,
    help="Address to serve on; port 0 picks a free one.",
)
@click.option(
    "--https-listen",
    metavar="HOST:PORT",
    callback=_parse_optional_address,
    help="Address to serve on over TLS as well, as Linear does.",
)
@click.option(
    "--https-from",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of tls.crt and tls.key for --https-listen; read at the start.",
)
@click.option(
    "--key-file",
    "key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    callback=options.read_key_option,
    help="File with the accepted key; without it, any key is accepted.",
)
@click.option(
    "--requests-per-hour",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Limit of requests per hour; 0 is no limit. Linear's limit is 2500.",
)
@click.option(
    "--complexity-per-hour",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Limit of query points per hour; 0 is no limit. Linear's limit is 3000000.",
)
@click.option(
    "--keep-issues",
    metavar="N",
    type=click.IntRange(min=1),
    default=Settings.keep_issues,
    show_default=True,
    help="Issues to keep in memory; older ones are dropped.",
)
@options.fault_option(LinearFaults)
def simulate_linear(  # noqa: PLR0913 - an option each
    *,
    listen: tuple[str, int],
    https_listen: Address | None,
    https_from: Path | None,
    key: str | None,
    requests_per_hour: int,
    complexity_per_hour: int,
    keep_issues: int,
    faults: LinearFaults,
) -> None:
    """Serve a simulated GraphQL API of Linear.

    It supports the queries of agent-sre and of the prober: teams, issues with filters and pages,
    issueCreate and issueArchive. Keys, errors and rate limits are like those of Linear.
    """
    settings = Settings(
        key=key,
        https=_build_https(https_listen, https_from),
        requests_per_hour=requests_per_hour,
        complexity_per_hour=complexity_per_hour,
        keep_issues=keep_issues,
    )
    host, port = listen
    serve_until_signal(
        lambda: serve_linear_api(settings, faults, host=host, port=port), listen=listen
    )
