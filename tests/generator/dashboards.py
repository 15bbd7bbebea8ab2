"""Parser of dashboards: panels, and queries with variables replaced."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from generator.model import Plan
from generator.outputs.grafana import boards
from tests.generator.spec_pipeline import build_plans

SLOS = Path(__file__).parents[2] / "slos"
Board = dict[str, Any]
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([\w:]+))?\})")
_RANGE = 60


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """A query of a panel, as it stands in the dashboard."""

    board: str
    panel: int
    ref: str
    expr: str
    legend: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.board}-{self.panel}{self.ref}"

    @property
    def labels(self) -> set[str]:
        """The labels that the legend names."""
        return set(re.findall(r"\{\{(\w+)\}\}", self.legend))


def build_dashboards(plans: Sequence[Plan]) -> dict[str, Board]:
    return {str(board): dashboard for board, dashboard in boards.build_dashboards(plans)}


def build_spec_dashboards(*documents: object) -> dict[str, Board]:
    found = build_plans(*documents)
    assert not found.has_errors, found.problems
    return build_dashboards(found.plans)


@cache
def build_repository_dashboards() -> dict[str, Board]:
    """Those of the specs of this repository."""
    return build_spec_dashboards(*(path.read_bytes() for path in sorted(SLOS.glob("*.yaml"))))


def list_panels(board: Board) -> list[dict[str, Any]]:
    """All panels but rows; rows here never hold panels folded away."""
    assert not any(panel.get("panels") for panel in board["panels"])
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def list_queries(board: Board) -> Iterator[PanelQuery]:
    for panel in list_panels(board):
        for target in panel["targets"]:
            yield PanelQuery(
                board["uid"],
                panel["id"],
                target["refId"],
                target["expr"],
                target.get("legendFormat", ""),
                target.get("instant", False),
            )


def fill_variables(
    expr: str, board: Board, values: Mapping[str, str | list[str]], now: float
) -> str:
    """The query that Grafana would send, the last minute being shown."""
    variables = {each["name"]: each for each in board["templating"]["list"]}

    def replace_variable(found: re.Match[str]) -> str:
        name, form = found[1] or found[2], found[3]
        built_in = {
            "__rate_interval": "10s",
            "__range": f"{_RANGE}s",
            "__range_s": str(_RANGE),
            "__from": str(int(now) - _RANGE) if form == "date:seconds" else None,
        }
        if name in built_in:
            assert built_in[name], found[0]
            return str(built_in[name])
        return _format_value(variables[name], values.get(name))

    return _VARIABLE.sub(replace_variable, expr)


def _format_value(variable: Mapping[str, Any], value: str | list[str] | None) -> str:
    """As Grafana's Prometheus data source writes values into a query."""
    if value is None:
        assert variable.get("includeAll"), f"nothing is chosen for {variable['name']}"
        return str(variable["allValue"])
    if not variable.get("multi"):
        assert isinstance(value, str)
        return value.replace("\\", "\\\\").replace('"', '\\"')
    values = [value] if isinstance(value, str) else value
    escaped = [re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\\\1", each) for each in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
