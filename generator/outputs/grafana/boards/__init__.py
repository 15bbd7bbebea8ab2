"""Registry of dashboards: one file for each.

A dashboard module describes its dashboard in `BOARD` and builds it with
`build_dashboard(inventory, others)`.
"""

from collections.abc import Sequence
from functools import cache
from typing import Protocol, cast

from grafana_foundation_sdk.builders import dashboard

from generator.outputs.grafana.frame import BoardInfo
from generator.outputs.grafana.queries import RunInventory
from slos.schema.plugin_loader import load_modules


class BoardModule(Protocol):
    """API of a dashboard module."""

    BOARD: BoardInfo

    def build_dashboard(
        self, inventory: RunInventory, others: Sequence[BoardInfo], /
    ) -> dashboard.Dashboard:
        """Build the dashboard, with links to the others."""
        ...


@cache
def load_boards() -> tuple[BoardModule, ...]:
    """Load the dashboards of this folder, in the order in which they link to each other."""
    modules = [cast("BoardModule", module) for module in load_modules(__name__).values()]
    return tuple(sorted(modules, key=lambda module: module.BOARD.order))
