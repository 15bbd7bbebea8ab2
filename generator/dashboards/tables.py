"""Columns of tables and bar charts that are made of several queries."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import barchart, dashboard, table
from grafana_foundation_sdk.builders import common as looks
from grafana_foundation_sdk.models.common import TableCellHeight
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
)

from generator.dashboards import parts

_VALUE = "Value"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        field: a label, or `Value #A` for the value of the first query, `Value` of the only one.
        title: the title that is shown; empty for the field itself.
        unit: of its values.
        steps: thresholds by which its cells are coloured.
        links: targets of a click on a cell.
        mappings: value mappings: a value, its text and its colour.
        hidden: True if only links use it.
        width: in pixels; 0 for automatic.
    """

    field: str
    title: str = ""
    unit: str = ""
    steps: tuple[Threshold, ...] = ()
    links: tuple[dashboard.DashboardLink, ...] = ()
    texts: tuple[tuple[str, str, str], ...] = ()
    hidden: bool = False
    width: int = 0

    @property
    def shown(self) -> str:
        """Name of the column after it was renamed."""
        return self.title or self.field

    def properties(self) -> list[DynamicConfigValue]:
        """Build the field overrides of the column."""
        found: dict[str, object] = {}
        if self.unit:
            found["unit"] = self.unit
        if self.steps:
            mode = ThresholdsMode.ABSOLUTE
            found["thresholds"] = ThresholdsConfig(mode=mode, steps=list(self.steps))
        if self.steps or self.texts:
            found["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
        if self.texts:
            options = {value: {"text": text, "color": color} for value, text, color in self.texts}
            found["mappings"] = [{"type": "value", "options": options}]
        if self.links:
            found["links"] = [link.build() for link in self.links]
        if self.hidden:
            found["custom.hidden"] = True
        if self.width:
            found["custom.width"] = self.width
        return [parts.shown(key, value) for key, value in found.items()]


def columns(panel: table.Panel, *every: Column, worst: str = "") -> table.Panel:
    """Set the columns of a table, in order; other fields are left out.

    Args:
        panel: a table whose queries give rows with the same labels.
        columns: its columns.
        sort_by: the title of the column by which rows are sorted, the greatest value first.
    """
    kept = [column.field for column in every]
    titles = {column.field: column.title for column in every if column.title}
    # If only one query has a result, its value has no letter. Most likely it is the first query.
    values = [column for column in every if column.field.startswith(_VALUE)]
    titles[_VALUE] = min(values, key=lambda column: column.field).shown
    names = [*kept, *({_VALUE} - {*kept})]
    _transform(panel, "merge", {})
    _transform(panel, "filterFieldsByName", {"include": {"names": names}})
    order = {field: number for number, field in enumerate(kept)}
    _transform(panel, "organize", {"indexByName": order, "renameByName": titles})
    for column in every:
        if properties := column.properties():
            panel.override_by_name(column.shown, properties)
    if worst:
        panel.sort_by([looks.TableSortByFieldState().display_name(worst).desc(desc=True)])
    return panel.show_header(show_header=True).cell_height(TableCellHeight.SM)


def ordered(panel: barchart.Panel, by: str, kept: Sequence[tuple[str, str]]) -> None:
    """Order rows by a column that is then left out, and keep the given fields with their titles."""
    _transform(panel, "merge", {})
    _transform(panel, "sortBy", {"fields": {}, "sort": [{"field": by, "desc": False}]})
    _transform(panel, "filterFieldsByName", {"include": {"names": [field for field, _ in kept]}})
    order = {field: number for number, (field, _) in enumerate(kept)}
    titles = {field: title for field, title in kept if title}
    _transform(panel, "organize", {"indexByName": order, "renameByName": titles})


def _transform(panel: table.Panel | barchart.Panel, id_: str, options: dict[str, object]) -> None:
    panel.with_transformation(DataTransformerConfig(id_val=id_, options=options))
