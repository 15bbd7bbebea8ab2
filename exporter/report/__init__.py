"""Report of result files: criteria, charts, analysis and plan as HTML, Markdown and JSON."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Table:
    """Table; a cell with the text of a status is coloured."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """Chart with its caption."""

    caption: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class ReportSection:
    """Section with an anchor, which other pages link to."""

    anchor: str
    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()


def format_number(value: float | None, unit: str = "") -> str:
    """Format a number for a table."""
    return "-" if value is None else f"{value:,.4g}{unit}"


def format_range(low: float, high: float, unit: str = "") -> str:
    """Format bounds; one number where both show the same digits."""
    first, last = f"{low:.3g}", f"{high:.3g}"
    return f"{first}{unit}" if first == last else f"{first} to {last}{unit}"
