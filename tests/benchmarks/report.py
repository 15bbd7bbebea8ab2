"""Tables for the terminal and for the documentation."""

import math
from collections.abc import Iterable, Sequence

from tests.benchmarks.incident_replay import IncidentReplay
from tests.benchmarks.lateness import LateCount
from tests.benchmarks.measurement import MethodMeasurement
from tests.benchmarks.methods import ours
from tests.benchmarks.new_series import NewSeriesCount
from tests.benchmarks.targets import TargetResult
from tests.benchmarks.traffic import SECOND, SHAPES

_COLUMNS = ("series", "method", "period ratio", "relative error", "samples read", "an hour")
_USUAL = 20
_PAGE_COLUMNS = ("incident", "events a second", "deserved after", "ours", "Sloth", "later by")


def render_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that reads well as it is."""
    cells = [list(columns), *map(list, rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def render_shape(rows: Sequence[MethodMeasurement], *, with_times: bool) -> str:
    """All methods under one shape; times belong to one machine and are left out of the docs."""
    columns = (*_COLUMNS, "ms") if with_times else _COLUMNS
    cells = []
    for row in rows:
        cell = [
            str(row.instances),
            row.method,
            _format_ratio(row.ratio),
            _format_error(row.error),
            f"{row.samples:,}",
            f"{row.samples_per_hour:,.0f}",
        ]
        cells.append([*cell, f"{row.seconds * 1000:.1f}"] if with_times else cell)
    truths = {row.instances: row.truth for row in rows}
    truth = ", ".join(f"{ratio:.8f} ({count} series)" for count, ratio in truths.items())
    return f"Truth: {truth}\n\n{render_table(columns, cells)}"


def render_pages(pages: Iterable[IncidentReplay]) -> str:
    """The replay; a span where the phase matters."""
    return render_table(
        _PAGE_COLUMNS,
        [
            (
                page.description,
                f"{page.rate:g}",
                _format_span([page.page_times[0]] if page.page_times else []),
                _format_span([times[0] for times in page.ours if times]),
                _format_span([times[0] for times in page.sloth if times]),
                _format_span(page.delays),
            )
            for page in pages
        ],
    )


def render_late_counts(late: Iterable[LateCount]) -> str:
    """Relative errors of the counts of late samples."""
    return render_table(
        ("samples are late by", "delay of the spec", "errors counted in budgets", "in pages"),
        [(str(r.late), str(r.delay), _format_error(r.coarse), _format_error(r.fine)) for r in late],
    )


def render_new_series(new: Iterable[NewSeriesCount]) -> str:
    """Relative errors of the counts of new series."""
    return render_table(
        ("errors", "in budgets", "in pages", "`increase` of all raw samples"),
        [(r.description, *map(_format_error, (r.coarse, r.fine, r.raw))) for r in new],
    )


def render_results(results: Iterable[TargetResult]) -> str:
    """Targets and what was reached."""
    rows = [(r.target, r.reached, "yes" if r.met else "**no**") for r in results]
    return render_table(("target", "reached", "met"), rows)


def render_accuracy(rows: Sequence[MethodMeasurement]) -> str:
    """The worst relative error of each method under each shape, over all numbers of series."""
    methods = _list_methods(rows)
    cells = []
    for shape in _list_shapes(rows):
        worst = [
            max((r.error for r in rows if (r.shape, r.method) == (shape, method)), key=abs)
            for method in methods
        ]
        cells.append([shape, *map(_format_error, worst)])
    return render_table(["traffic", *methods], cells)


def render_cost(rows: Sequence[MethodMeasurement]) -> str:
    """Samples read in an hour under the first shape, also as a multiple of ours."""
    counts = _list_counts(rows)
    first = rows[0].shape
    costs = {(r.method, r.instances): r.samples_per_hour for r in rows if r.shape == first}

    def format_cell(method: str, count: int) -> str:
        own, least = (costs.get((each, count), math.nan) for each in (method, ours.NAME))
        return f"{own:,.0f} ({own / least:,.0f}x)"

    return render_table(
        ["method", *(f"{count} series" for count in counts)],
        [
            [method, *(format_cell(method, count) for count in counts)]
            for method in _list_methods(rows)
        ],
    )


def render_rules(rows: Sequence[MethodMeasurement]) -> str:
    """Render the rules that read samples, the most expensive first."""
    (first, *_) = [row for row in _select_usual(rows) if row.method == ours.NAME]
    costs = sorted(
        (cost for cost in first.costs if cost.samples), key=lambda c: -c.samples_per_hour
    )
    return f"With {first.instances} series:\n\n" + render_table(
        ("rule", "samples", "an hour"),
        [(cost.name, f"{cost.samples:,}", f"{cost.samples_per_hour:,.0f}") for cost in costs],
    )


def render_times(rows: Sequence[MethodMeasurement]) -> str:
    """Milliseconds of one evaluation of the period's rules, the slowest of all shapes."""
    counts = _list_counts(rows)
    cells = []
    for method in _list_methods(rows):
        times = [
            max((r.seconds for r in rows if (r.method, r.instances) == (method, n)), default=0)
            for n in counts
        ]
        cells.append([method, *(f"{time * 1000:.1f}" for time in times)])
    return render_table(["method", *(f"{count} series" for count in counts)], cells)


def render_document(
    rows: Sequence[MethodMeasurement],
    pages: Sequence[IncidentReplay],
    late: Sequence[LateCount],
    new: Sequence[NewSeriesCount],
    results: Sequence[TargetResult],
) -> str:
    """The page of the documentation."""
    descriptions = {shape.name: shape.description for shape in SHAPES}
    parts = [
        _HEAD,
        render_results(results),
        _RIGHT,
        render_accuracy(rows),
        _CHEAP,
        render_cost(rows),
        render_rules(rows),
        _PAGES,
        render_pages(pages),
        _LATE,
        render_late_counts(late),
        _NEW,
        render_new_series(new),
        _ALL,
    ]
    for shape in _list_shapes(rows):
        shape_rows = [row for row in _select_usual(rows) if row.shape == shape]
        parts.append(f"### {shape.capitalize()}\n\n{descriptions.get(shape, '')}\n")
        parts.append(render_shape(shape_rows, with_times=False))
    parts.append(_TIMES)
    parts.append(render_times(rows))
    return "\n".join(parts)


def _select_usual(rows: Sequence[MethodMeasurement]) -> list[MethodMeasurement]:
    """Those with the usual number of series; where there are none, with the fewest."""
    counts = _list_counts(rows)
    count = _USUAL if _USUAL in counts else counts[0]
    return [row for row in rows if row.instances == count]


def _list_counts(rows: Sequence[MethodMeasurement]) -> list[int]:
    return sorted({row.instances for row in rows})


def _list_methods(rows: Sequence[MethodMeasurement]) -> list[str]:
    return list(dict.fromkeys(row.method for row in rows))


def _list_shapes(rows: Sequence[MethodMeasurement]) -> list[str]:
    return list(dict.fromkeys(row.shape for row in rows))


def _format_ratio(value: float) -> str:
    return "no value" if math.isnan(value) else f"{value:.8f}"


def _format_error(value: float) -> str:
    if math.isinf(value):
        return "no value"
    percent = 100 * value
    return f"{percent:+.1f} %" if abs(percent) >= 1 else f"{percent:+.4f} %"


def _format_span(moments: Sequence[int]) -> str:
    """`90 s`, or `75 to 120 s`; a dash for never."""
    if not moments:
        return "-"
    low, high = min(moments) // SECOND, max(moments) // SECOND
    return f"{low} s" if low == high else f"{low} to {high} s"


_HEAD = """\
# Benchmark of the rules

Made by `make bench-rules`; do not edit. A real Prometheus evaluates each method's rules over 30
days of counters whose true counts are known: 99.9 % over 30 days, scraped every 30 s, a counter
of errors and one of all events for every series counted here. Rules that read recorded series
read what the real rules gave, each group at its own beat; the truth counts every event from the
first to the last second of the period. All figures but the last table are the same on every
machine.

Targets compare with all that samples tell of the period. No method knows of events after the last
scrape of a process, or before a reset that its counter has made up for by the next scrape. A
history that is shorter than the period ends with the newest count, up to 13.5 minutes before the
evaluation; of 30 days this is less than 0.04 %, but of three days 0.3 %.

| method | its period ratio |
|---|---|
| slo-rules, exact | sums of counted events, in tiers ([how](rules.md)) |
| Sloth, default | mean of the 5-minute ratios of the period, every 30 s |
| Sloth, raw period | the same rules, but `rate` over the whole period |
| Pyrra, default | `increase` over the whole period, every 2.5 minutes |
| Pyrra, performance | sum of 5-minute increases over the period, every 2.5 minutes |

## Targets
"""
_RIGHT = """\
## Right

Relative error of the period's ratio, the worst of all numbers of series. `no value`: the rule
gives NaN or nothing.
"""
_CHEAP = """\
## Cheap

Samples read in an hour by all rules of one SLO under steady traffic, and as a multiple of ours.
The target above counts the least favourable shape.
"""
_ALL = """\
## Shape by shape

With 20 series; the program prints the others as well. `samples read`: by one evaluation of the
period's rules; `an hour`: by all rules of the SLO.
"""
_PAGES = """\
## Prompt

Ten incidents replayed, the page alerts of both evaluated throughout. Where in its interval a
group is evaluated is luck, so each incident is run at four phases, from the first to the last.
`deserved after` is when the true ratios pass the limits; `later by` compares the same phase.
"""
_LATE = """\
## Late samples

Half an hour with 20 % errors. A real Prometheus receives the samples by remote write when they
arrive, and each rule is evaluated at its times on what is there.
"""
_NEW = """\
## New series

Eight hours of three instances whose counters of errors appear with their first error, beside
`process_start_time_seconds`. What both tiers count of all that samples tell. Pages never count a
first value, and budgets only if the counter is known to be new ([why](rules.md#new-counters)).
"""
_TIMES = """\
## Times

Of one machine, other work beside it: milliseconds of one evaluation of the period's rules, the
best of three, the slowest of all shapes.
"""
