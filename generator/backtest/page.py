"""Report of a backtest as one HTML page with plots, without scripts and other files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from generator.backtest.candidates import CandidateResult
from generator.backtest.episodes import SLOBacktest, compute_budget_left
from generator.backtest.history import GroupHistory
from generator.backtest.report import (
    format_minute,
    list_candidate_rows,
    list_episode_rows,
    summarise_backtest,
)
from generator.text.table import drop_empty_columns
from generator.text.yaml_writer import GENERATED_MARK
from slos.schema.units import format_decimal

_WIDTH, _HEIGHT, _MARGIN = 860, 180, 46
# Points of a line: more than pixels are wide enough.
_MOST_POINTS = 800
_MOST_GROUPS = 8
_STYLE = """\
:root { color-scheme: light dark; --line: #2563eb; --page: #dc2626; --ticket: #d97706; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: currentColor; }
.grid { stroke: #8884; } .budget { stroke: var(--line); fill: none; stroke-width: 1.5; }
.page { fill: var(--page); opacity: .35; } .ticket { fill: var(--ticket); opacity: .2; }
.front { fill: var(--line); } .other { fill: #888; }
figcaption { font-size: 13px; opacity: .8; } figure { margin: 1rem 0; }"""


def render_page(
    backtests: Sequence[SLOBacktest], candidates: Mapping[str, Sequence[CandidateResult]]
) -> str:
    """Render the page; candidates come by the id of their SLO."""
    sections = "\n".join(
        line for each in backtests for line in _render_slo(each, candidates.get(each.slo.id, ()))
    )
    return (
        f"<!-- {GENERATED_MARK.removeprefix('# ')}. -->\n"
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>SLO backtest</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"<h1>SLO backtest</h1>\n{sections}\n</body>\n</html>\n"
    )


def _render_slo(backtest: SLOBacktest, results: Sequence[CandidateResult]) -> Iterator[str]:
    slo, span = backtest.slo, backtest.span
    yield f"<section>\n<h2>{escape(slo.id)}</h2>"
    yield (
        f"<p>{format_decimal(slo.objective)} % over {slo.period}, {format_minute(span.start)} to "
        f"{format_minute(span.end)} UTC: {escape(summarise_backtest(backtest))}.</p>"
    )
    for history in backtest.histories[:_MOST_GROUPS]:
        yield from _render_budget(backtest, history)
    if len(backtest.histories) > _MOST_GROUPS:
        yield f"<p>{len(backtest.histories) - _MOST_GROUPS} more groups have no plot.</p>"
    if backtest.episodes:
        yield from _render_table("Episodes", list_episode_rows(backtest))
    if results:
        yield from _render_table(
            "Candidates; * is on the Pareto front", list_candidate_rows(results)
        )
        yield from _render_front(results)
    yield "</section>"


def _render_table(title: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    heading, *others = drop_empty_columns(rows)
    yield f"<table>\n<caption>{escape(title)}</caption>"
    cells = "".join(f'<th scope="col">{escape(cell.capitalize())}</th>' for cell in heading)
    yield f"<thead><tr>{cells}</tr></thead>\n<tbody>"
    for row in others:
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody>\n</table>"


def _render_budget(backtest: SLOBacktest, history: GroupHistory) -> Iterator[str]:
    """Plot of the budget that was left, with the times of alerts."""
    times, left = compute_budget_left(backtest.slo, history)
    every = max(len(times) // _MOST_POINTS, 1)
    points = [
        (time, ratio)
        for time, ratio in zip(times[::every], left[::every], strict=True)
        if ratio is not None
    ]
    lowest = min([0.0, *(ratio for _, ratio in points)])
    span = backtest.span

    def place_time(time: int) -> float:
        share = (time - span.start) / max(span.end - span.start, 1)
        return _MARGIN + max(share, 0.0) * (_WIDTH - _MARGIN)

    def place_ratio(ratio: float) -> float:
        return (1 - ratio) / (1 - lowest) * (_HEIGHT - 30) + 10

    group = ", ".join(f"{name}={value}" for name, value in history.labels)
    title = f"Budget left{f' of {group}' if group else ''}"
    yield _begin_plot(title)
    for ratio in sorted({1.0, 0.0, lowest}):
        y = place_ratio(ratio)
        yield f'<line class="grid" x1="{_MARGIN}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="0" y="{y + 4:.1f}">{100 * ratio:.0f} %</text>'
    for each in backtest.episodes:
        if tuple(each.group.items()) == history.labels:
            firing = each.firing
            x, end = place_time(firing.start), place_time(firing.end or span.end)
            kind = "page" if firing.is_page else "ticket"
            yield (
                f'<rect class="{kind}" x="{x:.1f}" y="10" width="{max(end - x, 1.5):.1f}" '
                f'height="{_HEIGHT - 30}"><title>{escape(firing.alert.meta.name)}, '
                f"{format_minute(firing.start)}</title></rect>"
            )
    line = " ".join(f"{place_time(time):.1f},{place_ratio(ratio):.1f}" for time, ratio in points)
    yield f'<polyline class="budget" points="{line}"/>'
    yield f'<text x="{_MARGIN}" y="{_HEIGHT - 4}">{format_minute(span.start)}</text>'
    yield (
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{format_minute(span.end)}</text>'
    )
    yield _end_plot(f"{title}. Red: pages. Orange: tickets.")


def _render_front(results: Sequence[CandidateResult]) -> Iterator[str]:
    """Plot of objectives and pages a week; candidates of the Pareto front are coloured."""
    objectives = sorted({each.candidate.slo.objective for each in results})
    most = max((each.backtest.pages_a_week for each in results), default=0) or 1
    yield _begin_plot("Pages a week by objective")
    for number, objective in enumerate(objectives):
        x = _place_objective(number, len(objectives))
        text = f"{format_decimal(objective)} %"
        yield f'<text x="{x:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">{text}</text>'
    for value in (0.0, most):
        y = _place_pages(value, most)
        yield f'<line class="grid" x1="{_MARGIN}" x2="{_WIDTH}" y1="{y:.0f}" y2="{y:.0f}"/>'
        yield f'<text x="0" y="{y + 4:.0f}">{value:.1f}</text>'
    for each in results:
        x = _place_objective(objectives.index(each.candidate.slo.objective), len(objectives))
        y = _place_pages(each.backtest.pages_a_week, most)
        kind = "front" if each.is_on_front else "other"
        threshold = f", {each.candidate.threshold}" if each.candidate.threshold else ""
        text = f"{format_decimal(each.candidate.slo.objective)} %{threshold}"
        yield (
            f'<circle class="{kind}" cx="{x:.0f}" cy="{y:.1f}" r="5">'
            f"<title>{escape(text)}: {each.backtest.pages_a_week:.1f} pages a week</title></circle>"
        )
    yield _end_plot("Pages a week by objective.")


def _begin_plot(title: str) -> str:
    label = f'role="img" aria-label="{escape(title)}"'
    return f'<figure>\n<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" {label}>'


def _end_plot(caption: str) -> str:
    return f"</svg>\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def _place_objective(number: int, count: int) -> float:
    return _MARGIN + (number + 0.5) / count * (_WIDTH - _MARGIN)


def _place_pages(value: float, most: float) -> float:
    return (1 - value / most) * (_HEIGHT - 50) + 15
