"""The leak detector's false positives and power, beside the reference, as a table.

Run with `python -m tests.benchmarks.leaks [SERIES [SEED]]`.
"""

import sys
from collections.abc import Iterator

from tests.exporter.leaks.agent_memory import SHAPES
from tests.exporter.leaks.test_leak_table import ROWS, Cell, compute_cell

_SERIES = 150
_SEED = 0


def render_table(series: int, seed: int) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield f"Shares of {series} simulated series (seed {seed}); in brackets those of the reference."
    yield ""
    yield _format_row("detector", *SHAPES)
    yield "|---" * (1 + len(SHAPES)) + "|"
    for row in ROWS:
        yield _format_row(
            row.name,
            *(_format_cell(compute_cell(row, shape, series=series, seed=seed)) for shape in SHAPES),
        )


def _format_cell(cell: Cell) -> str:
    mark = "" if cell.agrees else " *"
    return f"{cell.share:.2f} ({cell.reference:.2f}){mark}"


def _format_row(*fields: str) -> str:
    return f"| {' | '.join(fields)} |"


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    for line in render_table(*(*numbers, *(_SERIES, _SEED)[len(numbers) :])):
        sys.stdout.write(line + "\n")
