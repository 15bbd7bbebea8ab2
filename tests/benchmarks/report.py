"""Tables for the terminal and for the documentation."""

import math
from collections.abc import Iterable, Sequence

from tests.benchmarks.measure import Row
from tests.benchmarks.methods import ours
from tests.benchmarks.replay import Page
from tests.benchmarks.shapes import SHAPES
from tests.benchmarks.targets import Result
from tests.benchmarks.timeline import SECOND

_COLUMNS = ("series", "method", "period ratio", "relative error", "samples read", "an hour")
_USUAL = 20
_PAGE_COLUMNS = ("incident", "events a second", "deserved after", "ours", "Sloth", "later by")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that reads well as it is."""
    cells = [list(columns), *map(list, rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def of_shape(rows: Sequence[Row], *, timed: bool) -> str:
    """All methods under one shape; times belong to one machine and are left out of the docs."""
    columns = (*_COLUMNS, "ms") if timed else _COLUMNS
    cells = []
    for row in rows:
        cell = [
            str(row.instances),
            row.method,
            _ratio(row.ratio),
            _error(row.error),
            f"{row.samples:,}",
            f"{row.samples_an_hour:,.0f}",
        ]
        cells.append([*cell, f"{row.seconds * 1000:.1f}"] if timed else cell)
    truths = {row.instances: row.truth for row in rows}
    truth = ", ".join(f"{ratio:.8f} ({count} series)" for count, ratio in truths.items())
    return f"Truth: {truth}\n\n{table(columns, cells)}"


def of_pages(pages: Iterable[Page]) -> str:
    """The replay; a span where the phase matters."""
    return table(
        _PAGE_COLUMNS,
        [
            (
                page.says,
                f"{page.rate:g}",
                _span([page.deserved[0]] if page.deserved else []),
                _span([times[0] for times in page.ours if times]),
                _span([times[0] for times in page.sloths if times]),
                _span(page.delays),
            )
            for page in pages
        ],
    )


def of_results(results: Iterable[Result]) -> str:
    """Targets and what was reached."""
    rows = [(r.target, r.reached, "yes" if r.met else "**no**") for r in results]
    return table(("target", "reached", "met"), rows)


def of_accuracy(rows: Sequence[Row]) -> str:
    """The worst relative error of each method under each shape, over all numbers of series."""
    methods = _methods(rows)
    cells = []
    for shape in _shapes(rows):
        worst = [
            max((r.error for r in rows if (r.shape, r.method) == (shape, method)), key=abs)
            for method in methods
        ]
        cells.append([shape, *map(_error, worst)])
    return table(["traffic", *methods], cells)


def of_cost(rows: Sequence[Row]) -> str:
    """Samples read in an hour, by number of series; also as a multiple of ours."""
    counts = _counts(rows)

    def cell(method: str, count: int) -> str:
        own, least = _most(rows, method, count), _most(rows, ours.NAME, count)
        return f"{own:,.0f} ({own / least:,.0f}x)"

    return table(
        ["method", *(f"{count} series" for count in counts)],
        [[method, *(cell(method, count) for count in counts)] for method in _methods(rows)],
    )


def of_rules(rows: Sequence[Row]) -> str:
    """Where our samples go: every rule that reads any, dearest first."""
    (first, *_) = [row for row in _usual(rows) if row.method == ours.NAME]
    costs = sorted((cost for cost in first.costs if cost.samples), key=lambda c: -c.an_hour)
    return f"With {first.instances} series:\n\n" + table(
        ("rule", "samples", "an hour"),
        [(cost.name, f"{cost.samples:,}", f"{cost.an_hour:,.0f}") for cost in costs],
    )


def of_times(rows: Sequence[Row]) -> str:
    """Milliseconds of one evaluation of the period's rules, the slowest of all shapes."""
    counts = _counts(rows)
    cells = []
    for method in _methods(rows):
        times = [
            max((r.seconds for r in rows if (r.method, r.instances) == (method, n)), default=0)
            for n in counts
        ]
        cells.append([method, *(f"{time * 1000:.1f}" for time in times)])
    return table(["method", *(f"{count} series" for count in counts)], cells)


def document(rows: Sequence[Row], pages: Sequence[Page], results: Sequence[Result]) -> str:
    """The page of the documentation."""
    says = {shape.name: shape.says for shape in SHAPES}
    parts = [
        _HEAD,
        of_results(results),
        _RIGHT,
        of_accuracy(rows),
        _CHEAP,
        of_cost(rows),
        of_rules(rows),
        _PAGES,
        of_pages(pages),
        _ALL,
    ]
    for shape in _shapes(rows):
        chosen = [row for row in _usual(rows) if row.shape == shape]
        parts.append(f"### {shape.capitalize()}\n\n{says.get(shape, '')}\n")
        parts.append(of_shape(chosen, timed=False))
    parts.append(_TIMES)
    parts.append(of_times(rows))
    return "\n".join(parts)


def _usual(rows: Sequence[Row]) -> list[Row]:
    """Those with the usual number of series; where there are none, with the fewest."""
    counts = _counts(rows)
    count = _USUAL if _USUAL in counts else counts[0]
    return [row for row in rows if row.instances == count]


def _most(rows: Sequence[Row], method: str, count: int) -> float:
    chosen = [row for row in rows if (row.method, row.instances) == (method, count)]
    return max((row.samples_an_hour for row in chosen), default=math.nan)


def _counts(rows: Sequence[Row]) -> list[int]:
    return sorted({row.instances for row in rows})


def _methods(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.method for row in rows))


def _shapes(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.shape for row in rows))


def _ratio(value: float) -> str:
    return "no value" if math.isnan(value) else f"{value:.8f}"


def _error(value: float) -> str:
    if math.isinf(value):
        return "no value"
    percent = 100 * value
    return f"{percent:+.1f} %" if abs(percent) >= 1 else f"{percent:+.4f} %"


def _span(moments: Sequence[int]) -> str:
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

Samples read in an hour by all rules of one SLO, and as a multiple of ours.
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
_TIMES = """\
## Times

Of one machine, other work beside it: milliseconds of one evaluation of the period's rules, the
best of three, the slowest of all shapes.
"""
