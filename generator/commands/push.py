"""Command `slo-rules push`: send rules to an engine that has an API for them."""

import json
import os
import sys
from typing import Any

import click

from generator import build, pipeline
from generator.clients.mimir import (
    Act,
    Change,
    Credentials,
    Namespaces,
    Ruler,
    RulerError,
    changes,
    wanted,
)
from generator.commands import _report, _values
from generator.commands._options import (
    defaults_of,
    inputs_of,
    reading_of,
    reading_options,
    spec_argument,
)
from generator.files.sources import STDOUT
from generator.pipeline import Settings

_DONE = {Act.ADD: "added", Act.CHANGE: "changed", Act.REMOVE: "removed"}


@click.group("push")
def command() -> None:
    """Send rules to an engine that takes them over its API."""


@command.command("mimir")
@spec_argument
@reading_options
@click.option(
    "--address",
    envvar="MIMIR_ADDRESS",
    required=True,
    metavar="URL",
    callback=_values.web_address,
    show_envvar=True,
    help="Of Mimir.",
)
@click.option(
    "--id",
    "tenant",
    envvar="MIMIR_TENANT_ID",
    default="",
    metavar="TENANT",
    show_envvar=True,
    help="Whose rules these are.",
)
@click.option(
    "--prefix",
    default="/prometheus",
    show_default=True,
    metavar="PATH",
    help="Where Mimir serves Prometheus' API.",
)
@click.option(
    "--prune", is_flag=True, help="Also remove namespaces slo-* that none of the specs makes."
)
@click.option("--dry-run", is_flag=True, help="Only say what would change; exit 1 if anything.")
@click.option("--json", "as_json", is_flag=True, help="The changes as JSON on stdout.")
def mimir(
    *,
    address: str,
    tenant: str,
    prefix: str,
    prune: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - read by options
) -> None:
    """Bring a tenant's rules in Grafana Mimir to what the specs give.

    Each spec file is a namespace, slo-<file>. In these, groups are added, changed and removed;
    the other namespaces are left alone. Secrets come from the environment, by mimirtool's names:
    MIMIR_API_KEY with MIMIR_API_USER, or MIMIR_AUTH_TOKEN.

    \b
    Examples:
      slo-rules push mimir --address http://mimir:8080 --id team-a --dry-run
      slo-rules push mimir specs --address http://mimir:8080 --id team-a
    """
    _assert_whole(options, prune=prune)
    wanted = _wanted(options)
    try:
        ruler = Ruler(address, _credentials(tenant), prefix)
        todo = list(changes(ruler.rules(), wanted, prune=prune))
    except RulerError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    failed = _told(todo) if dry_run else _applied(ruler, todo)
    if as_json:
        click.echo(json.dumps([_shown(each) for each in todo[:failed]], indent=2))
    sys.exit(1 if failed is not None else 0)


def _assert_whole(options: dict[str, Any], *, prune: bool) -> None:
    """Reject `--prune` for a part of the specs, as it would remove the rules of the others.

    Raises:
        click.UsageError: when inputs are files, or filtered.
    """
    some = options["fs_include"] or options["fs_exclude"]
    if prune and (some or not all(path.is_dir() for path in inputs_of(options))):
        raise click.UsageError("--prune takes folders of all the specs, not some of the files")


def _wanted(options: dict[str, Any]) -> Namespaces:
    """Build the rule groups of the specs by namespace; exit where the specs have errors."""
    settings = Settings(lenient=options["lenient"], defaults=defaults_of(options))
    plans = build.plan_inputs(inputs_of(options), settings, out=STDOUT, reading=reading_of(options))
    _report.problems(plans.problems)
    if plans.broken:
        click.echo("nothing was sent", err=True)
        sys.exit(1)
    return wanted(pipeline.render_folder(plans.plans, "mimir", settings))


def _credentials(tenant: str) -> Credentials:
    variables = ("MIMIR_API_USER", "MIMIR_API_KEY", "MIMIR_AUTH_TOKEN")
    # A secret that was read from a file often ends in a line break.
    return Credentials(tenant, *(os.environ.get(name, "").strip() for name in variables))


def _told(todo: list[Change]) -> int | None:
    """Print the changes of a dry run; return their number, or None for no changes."""
    for each in todo:
        click.echo(f"would {each.act} {each.namespace}/{each.name}", err=True)
    if not todo:
        click.echo("nothing to change", err=True)
    return len(todo) or None


def _applied(ruler: Ruler, todo: list[Change]) -> int | None:
    """Apply and print changes; return the number applied before a failure, or None for success."""
    for number, each in enumerate(todo):
        try:
            ruler.apply(each)
        except RulerError as error:
            click.echo(f"error: {each.act} {each.namespace}/{each.name}: {error}", err=True)
            click.echo(f"{number} of {len(todo)} changes are made; run again", err=True)
            return number
        click.echo(f"{_DONE[each.act]} {each.namespace}/{each.name}", err=True)
    if not todo:
        click.echo("nothing to change", err=True)
    return None


def _shown(change: Change) -> dict[str, str]:
    return {"act": change.act, "namespace": change.namespace, "group": change.name}
