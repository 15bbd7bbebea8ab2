"""Options and readings that commands over the past share: SLOs, times, and counted events."""

import sys
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from generator import build
from generator.backtest.candidates import Threshold, Variant, build_candidate
from generator.backtest.history import GroupHistory, Span, build_histories, build_span, list_queries
from generator.backtest.incidents import parse_time
from generator.clients.range_queries import RangeQuery, RangeReader
from generator.commands import _report, _values
from generator.commands._options import add_read_options, spec_argument
from generator.commands._request import parse_inputs, parse_read_settings, parse_spec_settings
from generator.files.history_cache import HistoryCache, find_history_cache
from generator.files.sources import STDOUT, read_windows
from generator.model import SLO
from generator.settings import RunSettings
from slos.schema.spec import LocatedSpec, SloSpec
from slos.schema.units import Duration, format_names

Command = TypeVar("Command", bound=Callable[..., Any])
_LISTED = 5
# Samples of the last minutes may not have arrived.
_MARGIN_MS = 60_000


class TimeType(click.ParamType[int]):
    """Time option: a duration before now, such as `30d`, or a time of RFC 3339."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Parse a time to milliseconds; fail with a usage error that shows the syntax."""
        if isinstance(value, int):
            return value
        try:
            return round(time.time() * 1000) - Duration.parse(str(value)).ms
        except ValueError:
            pass
        try:
            return round(parse_time(str(value)).timestamp() * 1000)
        except ValueError:
            self.fail(f"{value!r} is not a time; write it like 30d or 2026-03-01", param, ctx)


class ThresholdType(click.ParamType[Threshold]):
    """Threshold option, such as `500ms` or `0.5`."""

    name = "threshold"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Threshold:
        """Parse a threshold; fail with a usage error that shows the syntax."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            try:
                return Duration.parse(str(value))
            except ValueError:
                number = Decimal("NaN")
        if not number.is_finite():
            self.fail(f"{value!r} is not a threshold; write it like 500ms or 0.5", param, ctx)
        return number


_HISTORY_OPTIONS = (
    spec_argument,
    click.option(
        "--prometheus",
        "prometheus_url",
        required=True,
        metavar="URL",
        callback=_values.check_web_address,
        help="URL of the Prometheus that has the metrics of the SLOs.",
    ),
    click.option(
        "--slo",
        "slo_names",
        multiple=True,
        metavar="ID",
        help="Only this SLO, by its id or its name in the spec. Repeatable.",
    ),
    click.option(
        "--from",
        "start",
        type=TimeType(),
        default="30d",
        show_default=True,
        metavar="TIME",
        help="Start: a time before now like 30d, or a date. Samples are read from before it, as "
        "long as the longest alert window.",
    ),
    click.option(
        "--to",
        "end",
        type=TimeType(),
        metavar="TIME",
        help="End, written in the same way.  [default: now]",
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(1, 64),
        default=4,
        show_default=True,
        help="Number of requests at the same time.",
    ),
    click.option(
        "--cache/--no-cache",
        "uses_cache",
        default=True,
        show_default=True,
        help="Keep what is read of the past in the cache folder of the user.",
    ),
)


def add_history_options(command: Command) -> Command:
    """Add the options of commands over the past."""
    command = add_read_options(command)
    for option in reversed(_HISTORY_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class ChosenSLO:
    """SLO of the command line, with the spec that candidates are made of."""

    slo: SLO
    spec: SloSpec
    located: LocatedSpec


@dataclass(frozen=True)
class HistoryRequest:
    """SLOs and times of the command line.

    Attributes:
        chosen: SLOs to look at.
        run_settings: settings that apply to each of them.
        start: start of the reported time, in milliseconds.
        end: its end.
        reader: reads range queries.
    """

    chosen: Sequence[ChosenSLO]
    run_settings: RunSettings
    start: int
    end: int
    reader: RangeReader

    def build_span(self, slo: SLO) -> Span:
        """Build the times of the replay of an SLO."""
        return build_span(slo, self.start, self.end)

    def read_histories(self, slos: Sequence[SLO]) -> list[Sequence[GroupHistory]]:
        """Read the counted events of each of some SLOs; those with the same queries share them.

        Raises:
            APIError: Prometheus cannot be read.
        """
        queries = [self._list_range_queries(slo) for slo in slos]
        every = list(dict.fromkeys(query for each in queries for query in each))
        answers = dict(zip(every, self.reader.read(every), strict=True))
        built: dict[tuple[RangeQuery, ...], Sequence[GroupHistory]] = {}
        for slo, listed in zip(slos, queries, strict=True):
            if listed not in built:
                found = [answers[query] for query in listed]
                built[listed] = build_histories(slo, self.build_span(slo), found)
        return [built[listed] for listed in queries]

    def _list_range_queries(self, slo: SLO) -> tuple[RangeQuery, ...]:
        span = self.build_span(slo)
        return tuple(
            RangeQuery(query.expr, span.read_from, span.end, query.step.ms)
            for query in list_queries(slo)
        )


def parse_history_request(options: dict[str, Any]) -> HistoryRequest:
    """Parse the options of a command over the past; end the program if there are problems.

    Raises:
        click.UsageError: the times are in the wrong order, or there is no such SLO.
    """
    now = round(time.time() * 1000)
    start, end = options["start"], options["end"] or now - _MARGIN_MS
    if start >= end:
        raise click.UsageError("--from is not before --to")
    chosen, run_settings = _read_slos(options)
    folder = find_history_cache() if options["uses_cache"] else None
    reader = RangeReader(
        options["prometheus_url"],
        HistoryCache(folder) if folder else None,
        options["concurrency"],
        _print_progress,
        now,
    )
    return HistoryRequest(chosen, run_settings, start, end, reader)


def _read_slos(options: dict[str, Any]) -> tuple[list[ChosenSLO], RunSettings]:
    """Read the SLOs that a build would have, and the settings that they are resolved with."""
    inputs, settings = parse_inputs(options), parse_spec_settings(options)
    read_settings = parse_read_settings(options)
    build_plan = build.plan_inputs(inputs, settings, out=STDOUT, read_settings=read_settings)
    _report.print_problems(build_plan.problems)
    if build_plan.has_errors:
        sys.exit(1)
    located, _ = build.read_specs(inputs, settings, out=STDOUT, plugins=read_settings.plugins)
    run_settings = settings.run_settings
    if read_settings.windows:
        windows, _ = read_windows(read_settings.windows)
        run_settings = replace(run_settings, windows=windows)
    built = {slo.id for slo in build_plan.slos}
    return _choose_slos(located, run_settings, built, options["slo_names"]), run_settings


def _choose_slos(
    located: Sequence[LocatedSpec],
    run_settings: RunSettings,
    built: AbstractSet[str],
    wanted: Sequence[str],
) -> list[ChosenSLO]:
    found = []
    for each in located:
        for spec in each.spec.slos:
            candidate = build_candidate(each, spec, Variant(), run_settings)
            if candidate and candidate.slo.id in built:
                found.append(ChosenSLO(candidate.slo, spec, each))
    known = {name for each in found for name in (each.slo.id, each.slo.name)}
    if missing := [name for name in wanted if name not in known]:
        names = format_names([each.slo.id for each in found], _LISTED) or "none"
        raise click.UsageError(f"no SLO {format_names(missing, _LISTED)}; known: {names}")
    return [each for each in found if not wanted or {each.slo.id, each.slo.name} & set(wanted)]


def _print_progress(done: int, every: int) -> None:
    """Print the progress of reading, on a terminal only."""
    if sys.stderr.isatty():
        click.echo(f"\rread {done} of {every} parts", nl=done == every, err=True)


def read_file(path: Path) -> bytes:
    """Read a file of the command line.

    Raises:
        click.UsageError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from error
