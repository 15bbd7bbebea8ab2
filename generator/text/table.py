"""Tables of text."""

from collections.abc import Iterable, Iterator, Sequence


def drop_empty_columns(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Drop the columns that are empty in all rows but the first, which is the heading."""
    heading, *others = rows
    kept = [
        index for index in range(len(heading)) if not others or any(row[index] for row in others)
    ]
    return [[row[index] for index in kept] for row in (heading, *others)]


def align_columns(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Align the columns of rows; empty ones are left out."""
    table = drop_empty_columns(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
