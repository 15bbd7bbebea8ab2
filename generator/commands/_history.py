"""SLOs, times and counted events of commands over the past."""

import sys
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from generator import build
from generator.backtest.candidates import (
    Threshold,
    Variant,
    accepts_threshold,
    build_candidate,
    format_threshold,
)
from generator.backtest.history import (
    GroupHistory,
    Span,
    build_histories,
    build_span,
    list_queries,
    reshape_samples,
)
from generator.clients.range_queries import RangeQuery, RangeReader
from generator.commands import _report
from generator.commands._request import parse_inputs, parse_read_settings, parse_spec_settings
from generator.files.sample_cache import open_sample_cache
from generator.files.sources import STDOUT, read_windows
from generator.model import SLO
from generator.settings import RunSettings
from slos.schema.spec import LocatedSpec, SloSpec
from slos.schema.units import Duration, format_names

Command = TypeVar("Command", bound=Callable[..., Any])
_LISTED = 5
# A few coarse steps of the slowest scrapes.
_SHORTEST = Duration.from_parts(hours=6)
# Samples of the last minutes may not have arrived.
_MARGIN_MS = 60_000


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
                found = [reshape_samples(answers[query]) for query in listed]
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
    if end - start < _SHORTEST.ms:
        raise click.UsageError(f"--from is less than {_SHORTEST} before --to; use a longer time")
    chosen, run_settings = _read_slos(options)
    reader = RangeReader(
        options["prometheus_url"],
        open_sample_cache("history") if options["uses_cache"] else None,
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


def check_thresholds(request: HistoryRequest, thresholds: Sequence[Threshold]) -> None:
    """Check that each threshold is one that a chosen SLO can have.

    Raises:
        click.UsageError: it is not.
    """
    for threshold in thresholds:
        if not any(accepts_threshold(each.spec, threshold) for each in request.chosen):
            text = format_threshold(threshold)
            raise click.UsageError(f"no SLI of the SLOs can have the threshold {text}")


def read_file(path: Path) -> bytes:
    """Read a file of the command line.

    Raises:
        click.UsageError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from error
