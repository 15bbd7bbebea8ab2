"""Command `slo-rules report`: review of recorded SLOs over a period."""

import asyncio
import gc
import sys
from pathlib import Path

import click

from generator.clients.json_api import APIError
from generator.commands import _server_options, _values
from generator.commands._project import config_option
from generator.files.sources import STDOUT
from slos.schema.extras import describe_missing, is_missing

_HTML = (".html", ".htm")
_MARKDOWN = (".md", ".markdown")


def _check_output(_: click.Context, __: click.Parameter, out: str) -> str:
    """Check the output before anything is read, which may take minutes."""
    path = Path(out)
    if out == STDOUT:
        return out
    if path.suffix.lower() not in (*_HTML, *_MARKDOWN):
        raise click.BadParameter(f"{out!r} is neither HTML nor Markdown; end it in .html or .md")
    if path.is_dir():
        raise click.BadParameter(f"{out} is a folder; add the name of a file")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}; create it first")
    return out


@click.command("report")
@config_option
@_server_options.prometheus_option
@_server_options.http_config_option
@click.option("--month", metavar="YYYY-MM", help="Month of the report, like 2026-10, in UTC.")
@click.option("--quarter", metavar="YYYY-QN", help="Quarter of the report, like 2026-Q3, in UTC.")
@click.option("--since", metavar="DATE", help="First day of the report, like 2026-11-01.")
@click.option("--until", metavar="DATE", help="Day after the last one.  [default: now]")
@click.option(
    "--selector",
    "selectors",
    multiple=True,
    callback=_values.check_selectors,
    metavar="MATCHERS",
    help="Label matchers of the SLOs to review, like 'sloth_service=\"shop\"'. Repeatable; all "
    "must match.",
)
@click.option(
    "-o",
    "--out",
    default=STDOUT,
    show_default=True,
    callback=_check_output,
    metavar="FILE.html|FILE.md|-",
    help="Output: one HTML file, or Markdown; - is Markdown on stdout.",
)
def command(  # noqa: PLR0913 - click's way
    *,
    prometheus_urls: tuple[str, ...],
    http_configs: tuple[str, ...],
    month: str | None,
    quarter: str | None,
    since: str | None,
    until: str | None,
    selectors: tuple[str, ...],
    out: str,
) -> None:
    """Review the SLOs that a Prometheus has recorded in a period.

    Shows which objectives were kept, what budget each incident spent, the ten worst hours, and
    which pages were deserved. The HTML is one file that can be mailed and printed.

    \b
    Examples:
      slo-rules report --prometheus http://localhost:9090 --month 2026-10 -o october.html
      slo-rules report --prometheus http://localhost:9090 --since 2026-11-01 -o november.md
    """
    if is_missing("serve"):
        raise click.UsageError(describe_missing("slo-rules report", "serve"))
    gc.enable()  # off for commands that end soon
    (source, *others) = _server_options.parse_sources(prometheus_urls, http_configs)
    if others:
        raise click.UsageError("a report is of one source; give --prometheus once")
    # All need the extra.
    from generator.web.report import render_report  # noqa: PLC0415
    from generator.web.report_period import parse_period  # noqa: PLC0415
    from generator.web.report_queries import read_source_report  # noqa: PLC0415

    try:
        period = parse_period(month=month, quarter=quarter, since=since, until=until)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        report = asyncio.run(read_source_report(source, period, selectors))
        text = render_report(report, as_markdown=Path(out).suffix.lower() not in _HTML)
        if out == STDOUT:
            click.echo(text, nl=False)
        else:
            Path(out).write_text(text, encoding="utf-8")
            click.echo(f"wrote {out}", err=True)
    except APIError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        name = "to standard output" if out == STDOUT else out
        click.echo(f"error: cannot write {name}: {error.strerror}", err=True)
        sys.exit(1)
