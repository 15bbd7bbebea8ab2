"""Command `slo-rules doctor`: check that the built rules work in a cluster."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import click

from generator import build
from generator.alerting.graph import list_alerts
from generator.clients.json_api import APIError
from generator.clients.server_state import (
    AlertmanagerState,
    PrometheusState,
    read_alertmanager_state,
    read_prometheus_state,
)
from generator.commands import _report, _values
from generator.commands._options import add_spec_options, keep_going_option
from generator.commands._request import parse_request
from generator.commands._server_options import read_http_configs
from generator.doctor import CheckResult, CheckStatus
from generator.doctor.alertmanager import ReceiverSettings, check_alertmanager
from generator.doctor.prometheus import check_prometheus
from generator.model import SLO
from generator.pipeline import BuildPlan
from slos.schema.golang import Re2Pattern
from slos.schema.problem import filter_errors
from slos.schema.units import format_count

_PROMETHEUS, _ALERTMANAGER = "prometheus", "alertmanager"
_COLOURS = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.FAILED: "red",
}


@click.command("doctor")
@add_spec_options
@click.option(
    "--prometheus",
    "prometheus_url",
    metavar="URL",
    callback=_values.check_web_address,
    help="URL of the Prometheus that evaluates the rules.",
)
@click.option(
    "--alertmanager",
    "alertmanager_url",
    metavar="URL",
    callback=_values.check_web_address,
    help="URL of the Alertmanager that it sends alerts to.",
)
@click.option(
    "--remediation-receiver",
    "remediation",
    type=_values.PatternType(),
    multiple=True,
    metavar="PATTERN",
    help="Regular expression of the name or webhook URL of receivers that act on alerts. No alert "
    "may reach them. Repeatable.",
)
@click.option(
    "--on-call-receiver",
    "on_call",
    type=_values.PatternType(),
    multiple=True,
    metavar="PATTERN",
    help="Regular expression of the name or URL of webhook receivers that notify people. "
    "Repeatable.",
)
@click.option(
    "--http-config",
    "http_configs",
    multiple=True,
    metavar="[prometheus=|alertmanager=]FILE",
    help="Credentials, headers and TLS for a server, as http_config of Prometheus. "
    "Without a name for both. Repeatable.",
)
@keep_going_option
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on stdout.")
def command(  # noqa: PLR0913 - options
    prometheus_url: str | None,
    alertmanager_url: str | None,
    remediation: tuple[Re2Pattern, ...],
    on_call: tuple[Re2Pattern, ...],
    http_configs: tuple[str, ...],
    *,
    keep_going: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - read by parse_request
) -> None:
    """Check that the rules of the specs work in a cluster.

    Checks in Prometheus that all rules are loaded, their metrics exist, the targets are up and the
    retention suffices; with --alertmanager, checks routes, inhibitions, silences and the heartbeat
    in Alertmanager. With --alertmanager alone, checks who would be notified before any rule is
    applied. Give the same specs and options as to build. Changes nothing. Exits with 1 if a check
    fails.

    \b
    Examples:
      slo-rules doctor --prometheus http://localhost:9090
      slo-rules doctor --alertmanager http://localhost:9093 --remediation-receiver prometheus-events
      slo-rules doctor --prometheus http://localhost:9090 --alertmanager http://localhost:9093 \\
        --remediation-receiver prometheus-events
    """
    if not (prometheus_url or alertmanager_url):
        raise click.UsageError("add --prometheus URL, --alertmanager URL or both")
    configs = read_http_configs(http_configs, (_PROMETHEUS, _ALERTMANAGER))
    request = parse_request(options)
    build_plan = build.plan_inputs(
        request.inputs,
        request.settings,
        out=request.out,
        read_settings=request.read_settings,
        keep_going=keep_going,
    )
    _report.print_problems(filter_errors(build_plan.all_problems))
    if build_plan.has_errors:
        sys.exit(1)
    try:
        settings = ReceiverSettings(on_call, remediation)
        prometheus = (
            read_prometheus_state(prometheus_url, configs.get(_PROMETHEUS))
            if prometheus_url
            else None
        )
        alertmanager = (
            read_alertmanager_state(alertmanager_url, configs.get(_ALERTMANAGER))
            if alertmanager_url
            else None
        )
        results = list(_examine(build_plan, prometheus, alertmanager, settings))
    except APIError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps({"results": [asdict(each) for each in results]}, indent=2))
    else:
        _print_results(results)
    failed = any(each.status is CheckStatus.FAILED for each in results)
    sys.exit(1 if failed or build_plan.left_out_errors else 0)


def _examine(
    build_plan: BuildPlan,
    prometheus: PrometheusState | None,
    alertmanager: AlertmanagerState | None,
    settings: ReceiverSettings,
) -> Iterator[CheckResult]:
    """Run all checks on what the servers have now."""
    groups = [group for plan in build_plan.plans for group in plan.groups]
    slos = [slo for slo in build_plan.slos if isinstance(slo, SLO)]
    if prometheus:
        yield from check_prometheus(groups, slos, prometheus)
    if not alertmanager:
        yield CheckResult(
            "alertmanager",
            CheckStatus.WARNING,
            "routes, silences and the heartbeat are not checked",
            "name the Alertmanager with --alertmanager URL",
        )
        return
    specs = [(part.spec, part.slos) for plan in build_plan.plans for part in plan.spec_plans]
    heartbeats = [alert.name for alert in list_alerts(specs) if alert.heartbeat]
    try:
        yield from check_alertmanager(groups, heartbeats, prometheus, alertmanager, settings)
    except ValueError as error:  # of a matcher that only another version knows
        yield CheckResult("alertmanager", CheckStatus.FAILED, f"cannot read its routes: {error}")


def _print_results(results: Iterable[CheckResult]) -> None:
    """Print the results, one a line, each with its hint."""
    listed = list(results)
    for each in listed:
        status = click.style(f"{each.status:7}", fg=_COLOURS[each.status], bold=True)
        click.echo(f"{status} {each.check}: {each.message}")
        if each.hint:
            click.echo(f"        hint: {each.hint}")
    statuses = [each.status for each in listed]
    failed = statuses.count(CheckStatus.FAILED)
    warnings = format_count(statuses.count(CheckStatus.WARNING), "warning")
    click.echo(f"{format_count(len(listed), 'check')}: {failed} failed, {warnings}", err=True)
