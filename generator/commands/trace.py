"""Command `slo-rules trace`: write the traceability page of the requirements."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from generator import build
from generator.clients.json_api import APIError
from generator.clients.prometheus import read_oldest_sample, read_retention
from generator.commands import _report, _values
from generator.commands._options import add_read_options, spec_argument
from generator.commands._request import parse_inputs, parse_read_settings, parse_spec_settings
from generator.files.sources import STDOUT
from generator.reference import traceability
from generator.reference.claim_series import keep_served_claims
from generator.requirements import Coverage
from slos.schema.inventory import Inventory
from slos.schema.units import Duration

# Where the retention is limited by size only.
_UNLIMITED_REACH = Duration.from_parts(days=90)


@click.command("trace")
@spec_argument
@add_read_options
@click.option("-o", "--out", default=STDOUT, metavar="FILE|-", help="Output file.  [default: -]")
@click.option(
    "--cluster",
    "clusters",
    multiple=True,
    callback=_values.read_inventories,
    metavar="NAME=FILE",
    help="Name of a cluster and inventory of its prober, to list what is not validated there. "
    "Repeatable.",
)
@click.option("--check", is_flag=True, help="Write no file; exit 1 if the file differs.")
@click.option(
    "--prometheus",
    "url",
    metavar="URL",
    callback=_values.check_web_address,
    help="Prometheus to ask for the oldest sample of each source, for the column `data since`.",
)
def command(
    out: str,
    clusters: Mapping[str, Inventory],
    *,
    check: bool,
    url: str | None,
    **options: Any,  # noqa: ANN401 - read by parse_read_settings
) -> None:
    """Write the traceability page: each requirement with its SLOs, alerts, metrics and tests.

    Requirements are listed under `requirements` of a spec. SLOs, alerts and recordings refer to
    them by `covers`. A requirement without coverage is a warning.

    \b
    Examples:
      slo-rules trace
      slo-rules trace -o docs/traceability.md --cluster dev=k8s/overlays/dev/inventory.yaml
      slo-rules trace --prometheus http://localhost:9090
    """
    if check and out == STDOUT:
        raise click.UsageError("--check compares with a file; add --out FILE")
    if check and url:
        raise click.UsageError("--check compares with the specs alone; leave out --prometheus")
    settings = parse_spec_settings(options)
    inputs, read_settings = parse_inputs(options), parse_read_settings(options)
    build_plan = build.plan_inputs(inputs, settings, out=STDOUT, read_settings=read_settings)
    _report.print_problems(build_plan.problems)
    if build_plan.has_errors:
        sys.exit(1)
    specs = [source for plan in build_plan.plans for source in plan.sources]
    coverage_by_cluster = {
        name: keep_served_claims(
            build.plan_inputs(
                inputs, replace(settings, inventory=each), out=STDOUT, read_settings=read_settings
            ).coverage,
            build_plan.coverage,
            each,
        )
        for name, each in clusters.items()
    }
    try:
        since = _read_since(build_plan.coverage, url) if url else None
    except APIError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    page = traceability.render_traceability_page(
        build_plan.coverage, specs, since=since, coverage_by_cluster=coverage_by_cluster
    )
    _report.write_page(page, out, check=check)


def _read_since(coverage: Coverage, url: str) -> traceability.Since:
    reach = read_retention(url) or _UNLIMITED_REACH
    return {
        selector: read_oldest_sample(url, selector, reach)
        for selector in traceability.list_data_selectors(coverage)
    }
