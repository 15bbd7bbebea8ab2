"""Texts of a comparison: plain text, Markdown for a pull request, and JSON."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from posixpath import commonprefix

from generator.diff.comparison import ChangeKind, Comparison, FactChange, ObjectChange
from slos.schema.units import format_count

_MARKS = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "~"}
_MAX_LINE = 60
_MAX_TEXT = 100
_CONTEXT = 24


def render_text(comparison: Comparison) -> str:
    """Comparison as plain text."""
    blocks = ["\n".join(_render_change(change)) for change in comparison.changes]
    return "\n\n".join([*blocks, summarize(comparison)]) + "\n"


def render_markdown(comparison: Comparison) -> str:
    """Comparison as Markdown, with a table for each object."""
    blocks = [summarize(comparison)]
    for change in comparison.changes:
        lines = [f"### `{change.name}` {change.kind}", ""]
        lines += [f"- {_escape_cell(note)}" for note in change.notes]
        lines += [""] if change.notes else []
        lines += ["| | before | after |", "|---|---|---|"]
        lines += [
            f"| {_escape_cell(fact.name)} | {_format_code(fact.before)} | "
            f"{_format_code(fact.after)} |"
            for fact in change.facts
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def render_json(comparison: Comparison) -> str:
    """Comparison as one JSON object."""
    return json.dumps(asdict(comparison), indent=2, ensure_ascii=False) + "\n"


RENDERERS: Mapping[str, Callable[[Comparison], str]] = {
    "text": render_text,
    "markdown": render_markdown,
    "json": render_json,
}
"""Renderers by the name of their format."""


def summarize(comparison: Comparison) -> str:
    """Number of changes, and the change of the cost, in one line."""
    if not comparison.changes:
        return "no SLO, alert or recording differs"
    counts = Counter((change.name.split()[0], change.kind) for change in comparison.changes)
    parts = [f"{format_count(count, noun)} {kind}" for (noun, kind), count in counts.items()]
    before, after = comparison.samples_before, comparison.samples_after
    if before == after:
        cost = f"{after:,} samples read per hour, as before"
    else:
        cost = f"{after:,} samples read per hour instead of {before:,}"
    return f"{', '.join(parts)}; {cost}"


def _render_change(change: ObjectChange) -> Iterator[str]:
    yield f"{_MARKS[change.kind]} {change.name} {change.kind}"
    width = max((len(fact.name) for fact in change.facts), default=0)
    for fact in change.facts:
        yield from _render_fact(fact, width, change.kind)
    yield from (f"    note: {note}" for note in change.notes)


def _render_fact(fact: FactChange, width: int, kind: ChangeKind) -> Iterator[str]:
    name = fact.name.ljust(width)
    if kind is not ChangeKind.CHANGED:
        yield f"    {name}  {_join_lines(fact.before or fact.after)}"
        return
    before, after = _shorten_common(_join_lines(fact.before), _join_lines(fact.after))
    before, after = before or "(none)", after or "(none)"
    if len(before + after) <= _MAX_LINE:
        yield f"    {name}  {before} -> {after}"
    else:
        yield f"    {name}  {before}"
        yield f"    {' ' * width}  -> {after}"


def _shorten_common(before: str, after: str) -> tuple[str, str]:
    """Cut the beginning and the end that two long texts share, but for some context."""
    if min(len(before), len(after)) <= _MAX_TEXT:
        return before, after
    start = len(commonprefix([before, after]))
    rest = min(len(before), len(after)) - start
    end = min(len(commonprefix([before[::-1], after[::-1]])), rest)
    return _shorten(before, start, end), _shorten(after, start, end)


def _shorten(text: str, start: int, end: int) -> str:
    first, last = max(start - _CONTEXT, 0), min(len(text) - end + _CONTEXT, len(text))
    return f"{'...' if first else ''}{text[first:last]}{'...' if last < len(text) else ''}"


def _join_lines(text: str) -> str:
    return " ".join(text.split())


def _format_code(text: str) -> str:
    """Text of a table cell; a query may have backticks and pipes."""
    return f"<code>{_escape_cell(_join_lines(text))}</code>" if text else ""


def _escape_cell(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("|", "&#124;")
