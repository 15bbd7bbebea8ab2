"""A reading as tables for a terminal; pure."""

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.live.readings import Reading, SloState
from slos.schema.contract import Stage, Verdict
from slos.schema.units import Duration

_NEVER = Text("not observed", style="dim")
_NO_VALUE = Text("-", style="dim")
_GOOD = {Verdict.OK}


def render(
    reading: Reading, targets: Mapping[Stage, Duration], urls: Mapping[str, str]
) -> RenderableType:
    """The whole screen."""
    return Group(
        _stages(reading, targets),
        _verdicts(reading),
        _slos(reading.slos),
        _alerts(reading),
        *(Text(f"{name:22} {url}", style="dim") for name, url in urls.items()),
    )


def _stages(reading: Reading, targets: Mapping[Stage, Duration]) -> Table:
    table = Table("stage", title="Stages", title_justify="left", min_width=60)
    for column in ("last", "p95", "target"):
        table.add_column(column, justify="right")
    for stage in Stage:
        limit = targets.get(stage)
        table.add_row(
            stage,
            _seconds(reading.last.get(stage), limit),
            _seconds(reading.p95.get(stage), limit),
            f"< {limit}" if limit else "",
        )
    return table


def _verdicts(reading: Reading) -> Table:
    table = Table("verdict", title="Verdicts", title_justify="left", min_width=60)
    table.add_column("runs", justify="right")
    for verdict in Verdict:
        count = reading.verdicts.get(verdict, 0)
        style = "dim" if not count else "green" if verdict in _GOOD else "bold red"
        table.add_row(Text(verdict, style=style), Text(str(count), style=style))
    return table


def _slos(slos: Mapping[str, SloState]) -> Table:
    table = Table("SLO", title="Objectives", title_justify="left", min_width=60)
    for column in ("burn rate now", "budget left", "state"):
        table.add_column(column, justify="right")
    for name, slo in slos.items():
        table.add_row(name, _number(slo.burn), _share(slo.budget_left), _state(slo))
    if not slos:
        table.add_row(Text("rules are evaluated every minute", style="dim"), "", "", "")
    return table


def _alerts(reading: Reading) -> Text:
    if not reading.firing:
        return Text("No alert is firing.", style="green")
    return Text("Firing in Alertmanager: " + ", ".join(reading.firing), style="bold red")


def _seconds(value: float | None, limit: Duration | None) -> Text:
    if value is None:
        return _NEVER
    above = limit is not None and value > float(limit.seconds)
    return Text(f"{value:.3f} s", style="red" if above else "green")


def _number(value: float | None) -> Text:
    return _NO_VALUE if value is None else Text(f"{value:.2f}")


def _share(value: float | None) -> Text:
    return _NO_VALUE if value is None else Text(f"{value:.1%}", style="red" if value < 0 else "")


def _state(slo: SloState) -> Text:
    if slo.burn is None:
        return _NO_VALUE
    return Text("burning", style="red") if slo.burn > 1 else Text("ok", style="green")
