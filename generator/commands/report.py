"""Command `slo-rules report`: review of recorded SLOs over a period."""

import asyncio
import gc
import sys
from pathlib import Path

import click

from generator.clients.json_api import APIError
from generator.commands import _sources
from generator.commands._project import config_option
from generator.files.sources import STDOUT
from slos.schema.extras import describe_missing, is_missing
from slos.schema.promql import check_selector

_HTML = (".html", ".htm")


@click.command("report")
@config_option
@_sources.prometheus_option
@_sources.http_config_option
@click.option("--month", metavar="YYYY-MM", help="Month of the report.")
@click.option("--quarter", metavar="YYYY-QN", help="Quarter of the report.")
@click.option("--since", metavar="DATE", help="First day of the report.")
@click.option("--until", metavar="DATE", help="Day after its last one.  [default: now]")
@click.option(
    "--selector",
    "selectors",
    multiple=True,
    metavar="MATCHERS",
    help="Label matchers of the SLOs, like 'sloth_service=\"shop\"'. Repeatable; all must match.",
)
@click.option(
    "-o",
    "--out",
    default=STDOUT,
    show_default=True,
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
    (source, *others) = _sources.parse_sources(prometheus_urls, http_configs)
    if others:
        raise click.UsageError("a report is of one source; give --prometheus once")
    # All need the extra.
    from generator.web.report import render_report  # noqa: PLC0415
    from generator.web.report_period import parse_period  # noqa: PLC0415
    from generator.web.report_queries import read_source_report  # noqa: PLC0415

    try:
        matchers = [check_selector(each) for each in selectors]
        period = parse_period(month=month, quarter=quarter, since=since, until=until)
    except ValueError as error:
        raise click.UsageError(str(error).partition("\n")[0]) from error
    try:
        report = asyncio.run(read_source_report(source, period, matchers))
        text = render_report(report, as_markdown=Path(out).suffix.lower() not in _HTML)
        if out == STDOUT:
            click.echo(text, nl=False)
        else:
            Path(out).write_text(text)
            click.echo(f"wrote {out}", err=True)
    except (APIError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
