"""Registry of dashboards: one file for each.

A dashboard module describes its dashboard in `BOARD` and builds it with
`build_dashboard(summary, others)`.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Protocol, cast

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from generator.model import Plan
from generator.outputs.grafana.frame import BoardInfo
from generator.outputs.grafana.queries import BuildSummary, summarize_build
from slos.schema.plugin_loader import load_modules


class BoardModule(Protocol):
    """API of a dashboard module."""

    BOARD: BoardInfo

    def build_dashboard(
        self, summary: BuildSummary, others: Sequence[BoardInfo], /
    ) -> dashboard.Dashboard:
        """Build the dashboard, with links to the others."""
        ...


@cache
def load_boards() -> tuple[BoardModule, ...]:
    """Load the dashboards of this folder, in the order in which they link to each other."""
    modules = [cast("BoardModule", module) for module in load_modules(__name__).values()]
    return tuple(sorted(modules, key=lambda module: module.BOARD.order))


def build_dashboards(plans: Sequence[Plan]) -> Iterator[tuple[str, dict[str, object]]]:
    """Build the dashboards of a run as JSON; those of the prober only if rules read its metrics."""
    summary = summarize_build(plans)
    modules = [
        module for module in load_boards() if summary.reads_probe or not module.BOARD.needs_prober
    ]
    boards = [module.BOARD for module in modules]
    for module in modules:
        content = module.build_dashboard(summary, boards).build()
        yield module.BOARD.uid, json.loads(json.dumps(content, cls=JSONEncoder, sort_keys=True))
