"""The leak detector's false positives and power, beside the reference, as a table.

Run with `python -m tests.benchmarks.leaks [SERIES [SEED]]`.
"""

import sys
from collections.abc import Iterator

from tests.exporter.leaks.agents import SHAPES
from tests.exporter.leaks.test_leak_table import ROWS, Cell, cell

_SERIES = 150
_SEED = 0


def table(series: int, seed: int) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield f"Shares of {series} simulated series (seed {seed}); in brackets those of the reference."
    yield ""
    yield _line("detector", *SHAPES)
    yield "|---" * (1 + len(SHAPES)) + "|"
    for row in ROWS:
        yield _line(
            row.name, *(_text(cell(row, shape, series=series, seed=seed)) for shape in SHAPES)
        )


def _text(found: Cell) -> str:
    mark = "" if found.agrees else " *"
    return f"{found.share:.2f} ({found.reference:.2f}){mark}"


def _line(*fields: str) -> str:
    return f"| {' | '.join(fields)} |"


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    for line in table(*(*numbers, *(_SERIES, _SEED)[len(numbers) :])):
        sys.stdout.write(line + "\n")
