"""Command `slo-rules trace`: write the traceability page of the requirements."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import click

from generator import build
from generator.commands import _report, _values
from generator.commands._options import (
    add_read_options,
    parse_inputs,
    parse_read_settings,
    parse_spec_settings,
)
from generator.files import output
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError
from generator.model import Artifact
from generator.reference import traceability
from slos.schema.inventory import Inventory


@click.command("trace")
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
def command(
    out: str,
    clusters: Mapping[str, Inventory],
    *,
    check: bool,
    **options: Any,  # noqa: ANN401 - read by options
) -> None:
    """Write the traceability page: each requirement with its SLOs, alerts, metrics and tests.

    Requirements are listed under `requirements` of a spec. SLOs, alerts and recordings refer to
    them by `covers`. A requirement without coverage is a warning.

    \b
    Examples:
      slo-rules trace
      slo-rules trace -o docs/traceability.md --cluster dev=k8s/overlays/dev/inventory.yaml
    """
    settings = parse_spec_settings(options)
    inputs, read_settings = parse_inputs(options), parse_read_settings(options)
    build_plan = build.plan_inputs(inputs, settings, out=STDOUT, read_settings=read_settings)
    _report.print_problems(build_plan.problems)
    if build_plan.has_errors:
        sys.exit(1)
    specs = [source for plan in build_plan.plans for source in plan.sources]
    coverage_by_cluster = {
        name: build.plan_inputs(
            inputs, replace(settings, inventory=each), out=STDOUT, read_settings=read_settings
        ).coverage
        for name, each in clusters.items()
    }
    page = traceability.render_traceability_page(build_plan.coverage, specs, coverage_by_cluster)
    if out == STDOUT:
        click.echo(page, nl=False)
        return
    artifact = Artifact(PurePosixPath(Path(out).name), page)
    try:
        if check:
            if output.compare_file(artifact, Path(out)):
                click.echo(f"{out} is out of date; run: slo-rules trace -o {out}", err=True)
                sys.exit(1)
            return
        output.write_file(artifact, Path(out))
    except CannotWriteError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
