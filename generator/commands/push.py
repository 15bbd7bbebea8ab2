"""Command `slo-rules push`: send rules to an engine that has an API for them."""

import json
import os
import sys
from typing import Any

import click

from generator import build, pipeline
from generator.clients.mimir import Ruler, RulerCredentials, RulerError
from generator.clients.rule_groups import (
    ChangeAction,
    GroupChange,
    Namespaces,
    diff_namespaces,
    read_namespaces,
)
from generator.clients.uploads import apply_changes
from generator.commands import _report, _values
from generator.commands._options import add_read_options, spec_argument
from generator.commands._request import parse_inputs, parse_read_settings, parse_spec_settings
from generator.files.sources import STDOUT
from slos.schema.units import format_count

_PAST_TENSE = {
    ChangeAction.ADD: "added",
    ChangeAction.CHANGE: "changed",
    ChangeAction.REMOVE: "removed",
}


@click.group("push")
def command() -> None:
    """Upload rules to an engine over its API."""


@command.command("mimir")
@spec_argument
@add_read_options
@click.option(
    "--address",
    envvar="MIMIR_ADDRESS",
    required=True,
    metavar="URL",
    callback=_values.check_web_address,
    show_envvar=True,
    help="URL of Mimir.",
)
@click.option(
    "--id",
    "tenant",
    envvar="MIMIR_TENANT_ID",
    default="",
    metavar="TENANT",
    show_envvar=True,
    help="Tenant id of the rules.",
)
@click.option(
    "--prefix",
    default="/prometheus",
    show_default=True,
    metavar="PATH",
    help="Path prefix of the Prometheus API of Mimir.",
)
@click.option("--prune", is_flag=True, help="Also remove namespaces slo-* that no spec generates.")
@click.option(
    "--dry-run", is_flag=True, help="Print the changes, apply none; exit 1 if there are any."
)
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON on stdout.")
def push_mimir(
    *,
    address: str,
    tenant: str,
    prefix: str,
    prune: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - read by parse_read_settings
) -> None:
    """Upload the rules of the specs to a tenant of Grafana Mimir.

    Each spec file is a namespace, slo-<file>. Groups in these namespaces are added, changed and
    removed; other namespaces are not changed. Secrets are read from the environment variables of
    mimirtool: MIMIR_API_KEY with MIMIR_API_USER, or MIMIR_AUTH_TOKEN.

    \b
    Examples:
      slo-rules push mimir --address http://mimir:8080 --id team-a --dry-run
      slo-rules push mimir specs --address http://mimir:8080 --id team-a
    """
    _check_prune(options, prune=prune)
    namespaces = _build_namespaces(options)
    try:
        ruler = Ruler(address, _read_credentials(tenant), prefix)
        pending = list(diff_namespaces(ruler.read_groups(), namespaces, prune=prune))
    except RulerError as error:
        click.echo(f"error: {error}", err=True)
        _print_hints([error])
        sys.exit(1)
    if not pending:
        click.echo("no changes", err=True)
    if dry_run:
        _print_changes(pending)
    printed = pending if dry_run else _apply_changes(ruler, pending)
    if as_json:
        click.echo(json.dumps([_to_json(change) for change in printed], indent=2))
    # A dry run fails when there are changes, an upload when some are left.
    sys.exit(1 if (dry_run and pending) or len(printed) < len(pending) else 0)


def _check_prune(options: dict[str, Any], *, prune: bool) -> None:
    """Reject `--prune` for a part of the specs, as it would remove the rules of the others.

    Raises:
        click.UsageError: when inputs are files, or filtered.
    """
    has_filter = options["fs_include"] or options["fs_exclude"]
    if prune and (has_filter or not all(path.is_dir() for path in parse_inputs(options))):
        raise click.UsageError(
            "--prune removes the rules of all other specs; use it with folders of every spec, "
            "without files and filters"
        )


def _build_namespaces(options: dict[str, Any]) -> Namespaces:
    """Build the rule groups of the specs by namespace; exit where the specs have errors."""
    settings = parse_spec_settings(options)
    build_plan = build.plan_inputs(
        parse_inputs(options), settings, out=STDOUT, read_settings=parse_read_settings(options)
    )
    _report.print_problems(build_plan.problems)
    if build_plan.has_errors:
        click.echo("no rules uploaded; fix the errors above", err=True)
        sys.exit(1)
    return read_namespaces(pipeline.render_folder(build_plan.plans, "mimir", settings))


def _read_credentials(tenant: str) -> RulerCredentials:
    variables = ("MIMIR_API_USER", "MIMIR_API_KEY", "MIMIR_AUTH_TOKEN")
    # A secret that was read from a file often ends in a line break.
    return RulerCredentials(tenant, *(os.environ.get(name, "").strip() for name in variables))


def _print_changes(pending: list[GroupChange]) -> None:
    for change in pending:
        click.echo(f"would {change.action} {_format_name(change)}", err=True)


def _apply_changes(ruler: Ruler, pending: list[GroupChange]) -> list[GroupChange]:
    """Apply changes and print the result of each; return those that were applied."""
    applied = []
    errors = []
    for result in apply_changes(ruler, pending):
        change = result.change
        if result.error:
            errors.append(result.error)
            text = f"error: {change.action} {_format_name(change)}: {result.error}"
        else:
            applied.append(change)
            text = f"{_PAST_TENSE[change.action]} {_format_name(change)}"
        click.echo(text, err=True)
    _print_hints(errors)
    if errors:
        untried = len(pending) - len(applied) - len(errors)
        not_tried = f", {untried} not tried" if untried else ""
        total = format_count(len(pending), "change")
        click.echo(f"{len(errors)} of {total} failed{not_tried}; run again", err=True)
    return applied


def _print_hints(errors: list[RulerError]) -> None:
    """Print the hint of each error, and the same hint once."""
    for hint in dict.fromkeys(error.hint for error in errors if error.hint):
        click.echo(f"    hint: {hint}", err=True)


def _format_name(change: GroupChange) -> str:
    return f"{change.namespace}/{change.name}"


def _to_json(change: GroupChange) -> dict[str, str]:
    return {"act": change.action, "namespace": change.namespace, "group": change.name}
