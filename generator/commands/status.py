"""Command `slo-rules status`: the SLOs of a running Prometheus, and gates on them."""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from enum import IntEnum

import click

from generator import names
from generator.clients.json_api import APIError
from generator.clients.slo_status import read_recorded_slos
from generator.commands import _values
from generator.commands._project import config_option
from generator.status.gates import (
    ConditionResult,
    GateCondition,
    evaluate_conditions,
    parse_condition,
)
from generator.status.slo_states import SLOState, SLOStatus, compute_statuses
from generator.status.table import build_document, list_table_rows
from slos.schema.promql import quote_string
from slos.schema.units import Duration, format_count, format_names

_COLOURS = {
    SLOState.PAGE: "red",
    SLOState.EXHAUSTED: "red",
    SLOState.ALERT: "yellow",
    SLOState.BURNING: "yellow",
    SLOState.NO_DATA: "magenta",
    SLOState.OK: "green",
}
_LISTED = 5
_SHORTEST_INTERVAL = Duration.from_parts(seconds=1)


class _ExitCode(IntEnum):
    """Exit code of the command; 2 is wrong usage."""

    FINE = 0
    CONDITION_HOLDS = 1
    UNKNOWN = 3


class _NotFoundError(Exception):
    """SLO that no recorded series describes."""


class ConditionType(click.ParamType[GateCondition]):
    """Condition option, such as `budget < 10%`."""

    name = "condition"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> GateCondition:
        """Parse a condition; fail with a usage error that shows the syntax."""
        if isinstance(value, GateCondition):
            return value
        try:
            return parse_condition(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _check_interval(
    _: click.Context, __: click.Parameter, value: Duration | None
) -> Duration | None:
    if value and value < _SHORTEST_INTERVAL:
        raise click.BadParameter(f"{value} is too short; use at least {_SHORTEST_INTERVAL}")
    return value


@click.command("status")
@click.argument("slos", nargs=-1, metavar="[SLO]...")
@config_option
@click.option(
    "--prometheus",
    "prometheus_url",
    required=True,
    metavar="URL",
    callback=_values.check_web_address,
    help="URL of the Prometheus that has the recorded series.",
)
@click.option(
    "--selector",
    "selectors",
    multiple=True,
    callback=_values.check_selectors,
    metavar="MATCHERS",
    help="Label matchers of the SLOs to show, like 'sloth_service=\"shop\"'. Repeatable; all must "
    "match.",
)
@click.option(
    "--fail-if",
    "conditions",
    type=ConditionType(),
    multiple=True,
    metavar="CONDITION",
    help="Exit with 1 if the condition holds for an SLO, like 'budget < 10%', 'burn > 2', "
    "'alerts > 0' or 'exhaustion < 3d'. Repeatable.",
)
@click.option(
    "--groups",
    type=click.IntRange(min=1),
    default=_LISTED,
    show_default=True,
    metavar="N",
    help="Number of groups of a split SLO in the table, the worst first.",
)
@click.option(
    "--watch",
    type=_values.DurationType(),
    callback=_check_interval,
    metavar="INTERVAL",
    help="Print the table again after each interval, like 15s, until Ctrl-C.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON on stdout.")
def command(  # noqa: PLR0913 - click's way
    slos: tuple[str, ...],
    prometheus_url: str,
    selectors: tuple[str, ...],
    conditions: tuple[GateCondition, ...],
    groups: int,
    watch: Duration | None,
    *,
    as_json: bool,
) -> None:
    """Print the SLOs that a Prometheus has recorded, the worst first.

    Reads the recorded series of the rules, of this program and of Sloth: what is left of each error
    budget, the burn rate, when the budget is exhausted, and firing alerts. Without ids, prints all
    SLOs.

    Exits with 1 if a condition of --fail-if holds, and with 3 if it is not known: Prometheus cannot
    be read, no SLO or not all of the named ones are found, or an SLO has no data for a condition.

    \b
    Examples:
      slo-rules status --prometheus http://localhost:9090
      slo-rules status --prometheus http://localhost:9090 shop-requests --fail-if 'budget < 10%'
      slo-rules status --prometheus http://localhost:9090 --selector 'team="web"' --watch 15s
    """
    if watch and (conditions or as_json):
        raise click.UsageError("--watch prints tables; leave out --fail-if and --json")
    if watch:
        _watch_statuses(prometheus_url, slos, selectors, groups, watch)
        return
    try:
        statuses = _read_statuses(prometheus_url, slos, selectors)
    except (APIError, _NotFoundError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_ExitCode.UNKNOWN)
    results = evaluate_conditions(conditions, [each for rows in statuses for each in rows])
    if as_json:
        click.echo(json.dumps(build_document(statuses, results), indent=2, ensure_ascii=False))
    else:
        _print_table(statuses, groups)
    _print_results(results)
    if any(result.holding for result in results):
        sys.exit(_ExitCode.CONDITION_HOLDS)
    sys.exit(_ExitCode.UNKNOWN if any(each.unknown for each in results) else _ExitCode.FINE)


def _read_statuses(
    url: str, slos: Sequence[str], selectors: Sequence[str]
) -> list[list[SLOStatus]]:
    """Read the status of the chosen SLOs.

    Raises:
        APIError: Prometheus cannot be read.
        _NotFoundError: an SLO is not found.
    """
    ids = f"{names.ID}=~{quote_string('|'.join(map(re.escape, slos)))}" if slos else ""
    statuses = compute_statuses(
        read_recorded_slos(url, [each for each in (ids, *selectors) if each])
    )
    missing = sorted(set(slos) - {rows[0].id for rows in statuses})
    if missing or not statuses:
        subject = f"no SLO {format_names(missing, _LISTED)}" if missing else "no SLO"
        chosen = " that the selectors match" if selectors else ""
        raise _NotFoundError(f"{url} has {subject}{chosen}; are the rules loaded?")
    return statuses


def _watch_statuses(
    url: str, slos: Sequence[str], selectors: Sequence[str], groups: int, interval: Duration
) -> None:
    """Print the table again and again; a failed reading does not end it."""
    try:
        while True:
            try:
                statuses = _read_statuses(url, slos, selectors)
            except (APIError, _NotFoundError) as error:
                click.echo(f"error: {error}", err=True)
            else:
                click.clear()  # on a terminal only
                _print_table(statuses, groups)
            time.sleep(float(interval.seconds))
    except KeyboardInterrupt:
        return


def _print_table(statuses: Sequence[Sequence[SLOStatus]], groups: int) -> None:
    rows = list(list_table_rows(statuses, groups))
    full = [cells for status, cells in rows if status] + [rows[0][1]]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    for status, cells in rows:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        if status:
            padded[0] = click.style(padded[0], fg=_COLOURS[status.state], bold=True)
        click.echo("  ".join(padded).rstrip())
    counts = Counter(rows[0].state for rows in statuses)
    states = ", ".join(f"{counts[state]} {state}" for state in SLOState if counts[state])
    click.echo(f"{format_count(len(statuses), 'SLO')}: {states}", err=True)


def _print_results(results: Sequence[ConditionResult]) -> None:
    """Print the conditions that hold or are not known, and for which SLOs."""
    for result in results:
        for listed, verdict in ((result.holding, "holds"), (result.unknown, "is not known")):
            if listed:
                titles = format_names([status.title for status in listed], _LISTED)
                click.echo(f"{result.condition.text} {verdict} for {titles}", err=True)
