"""Figures of one run: latency curves, distributions by stage, and everything over time. Pure."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exporter.analysis.measurements import RunMeasurements, Series
from exporter.loadtest.quantiles import find_quantile
from exporter.report import Figure
from exporter.report.charts import Axis, Line, draw_chart
from slos.schema.contract import Stage

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_MEGABYTE = 1e6
_CERTAIN = 0.005
_SECONDS = Axis("seconds since the start")


def list_figures(document: Mapping[str, Any], run: RunMeasurements) -> list[Figure]:
    """List the figures of a run."""
    found = [
        (
            "End-to-end time by load",
            draw_chart(_list_curves(run), Axis(document["unit"]), Axis("seconds")),
        ),
        (
            "Share of the events within a time, by stage; all events of the run",
            draw_chart(
                list(_list_distributions(run)),
                Axis("seconds", is_logarithmic=True),
                Axis("share of the events"),
            ),
        ),
        (
            "Throughput: events judged a second",
            draw_chart([Line("judged a second", _list_rates(run))], _SECONDS, Axis("events/s")),
        ),
        (
            "Events in flight",
            draw_chart([Line("in flight", _pair(run.in_flight))], _SECONDS, Axis("events")),
        ),
        (
            "Processor of the target: used, and used or awaited",
            draw_chart(list(_list_processor(run)), _SECONDS, Axis("seconds a second")),
        ),
        (
            "Resident memory of the target",
            draw_chart(list(_list_memory(run)), _SECONDS, Axis("megabytes")),
        ),
        (
            "Replies of the health page",
            draw_chart([Line("/health", _pair(run.health))], _SECONDS, Axis("seconds")),
        ),
    ]
    replicas = document.get("replicas")
    if replicas:
        ready = Line("ready", _pair(Series(replicas["t"], replicas["ready"])), is_stepped=True)
        found.append(("Replicas", draw_chart([ready], _SECONDS, Axis("ready replicas"))))
    return [Figure(caption, svg) for caption, svg in found if svg is not None]


def _list_curves(run: RunMeasurements) -> list[Line]:
    """List a curve of each quantile over the loads; events at once and rates are apart."""
    kinds = {step.is_burst for step in run.steps}
    lines = []
    for is_burst in sorted(kinds, reverse=True):
        by_load: dict[float, list[float]] = {}
        for step in run.steps:
            if step.is_burst is is_burst:
                by_load.setdefault(step.load, []).extend(step.totals)
        loads = {load: sorted(totals) for load, totals in sorted(by_load.items()) if totals}
        suffix = "" if len(kinds) == 1 else (", at once" if is_burst else ", a second")
        lines += [
            Line(
                f"{name}{suffix}",
                [(load, find_quantile(totals, p)) for load, totals in loads.items()],
                has_marks=True,
            )
            for name, p in _QUANTILES.items()
        ]
    return lines


def _list_distributions(run: RunMeasurements) -> Iterable[Line]:
    """List the distribution of each stage; of times within bounds, those of both bounds."""
    events = [event for step in run.steps for event in step.events]
    for stage in Stage:
        times = [event.stages[stage.value] for event in events if stage.value in event.stages]
        if not times:
            continue
        uncertain = sum(time.width > _CERTAIN for time in times) / len(times)
        name = stage.value if not uncertain else f"{stage.value}, upper bounds"
        yield Line(name, _accumulate([time.high for time in times]))
        if uncertain:
            title = f"{stage.value}, lower bounds ({uncertain:.0%} known within bounds)"
            yield Line(title, _accumulate([time.low for time in times]))


def _accumulate(values: Sequence[float]) -> list[tuple[float, float]]:
    ordered = sorted(values)
    return [(value, number / len(ordered)) for number, value in enumerate(ordered, 1)]


def _list_rates(run: RunMeasurements) -> list[tuple[float, float]]:
    pairs = _pair(run.judged)
    return [
        (later[0], (later[1] - earlier[1]) / (later[0] - earlier[0]))
        for earlier, later in itertools.pairwise(pairs)
        if later[0] > earlier[0]
    ]


def _list_processor(run: RunMeasurements) -> Iterable[Line]:
    for process in run.processes:
        cpu, delay = process.columns.get("cpu"), process.columns.get("run_delay")
        if cpu is None:
            continue
        yield Line(f"{process.name} used", _pair(cpu))
        if delay is not None and len(run.processes) == 1:
            both = [
                None if one is None or other is None else one + other
                for one, other in zip(cpu.values, delay.values, strict=True)
            ]
            yield Line(f"{process.name} used or awaited", _pair(Series(cpu.times, both)))


def _list_memory(run: RunMeasurements) -> Iterable[Line]:
    for process in run.processes:
        memory = process.columns.get("rss")
        if memory is not None:
            yield Line(process.name, [(t, value / _MEGABYTE) for t, value in _pair(memory)])


def _pair(series: Series) -> list[tuple[float, float]]:
    return [
        (t, value)
        for t, value in zip(series.times, series.values, strict=True)
        if t is not None and value is not None
    ]
