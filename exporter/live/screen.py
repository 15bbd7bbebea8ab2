"""Terminal table of a reading, short enough for a small terminal. Pure."""

from collections.abc import Mapping

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.live.readings import Reading, SloState
from slos.schema.contract import Stage, Verdict
from slos.schema.units import Duration

_WIDTH = 72
_NEVER = Text("not observed", style="dim")
_NO_DATA = Text("no data yet", style="dim")
_NO_VALUE = Text("-", style="dim")


def render(
    reading: Reading, targets: Mapping[Stage, Duration], urls: Mapping[str, str]
) -> RenderableType:
    """Render the whole screen."""
    return Group(
        _stages(reading, targets),
        _verdicts(reading.verdicts),
        _slos(reading.slos),
        _alerts(reading),
        *(Text(f"{name:22} {url}", style="dim") for name, url in urls.items()),
    )


def _stages(reading: Reading, targets: Mapping[Stage, Duration]) -> Table:
    table = _table("Stage", "last", "p95", "target")
    for stage in Stage:
        limit = targets.get(stage)
        table.add_row(
            stage,
            _seconds(reading.last.get(stage), limit),
            _seconds(reading.p95.get(stage), limit),
            f"< {limit}" if limit else "",
        )
    return table


def _verdicts(counts: Mapping[str, int]) -> Text:
    line = Text("  Verdicts  ")
    for verdict in Verdict:
        count = counts.get(verdict, 0)
        if count or verdict is Verdict.OK:
            line.append(
                f"{verdict} {count}  ", style="green" if verdict is Verdict.OK else "bold red"
            )
    return line


def _slos(slos: Mapping[str, SloState]) -> Table:
    table = _table("Objective", "burn rate now", "budget left", "state")
    for name, slo in slos.items():
        table.add_row(name, _number(slo.burn), _share(slo.budget_left), _state(slo))
    return table


def _alerts(reading: Reading) -> Text:
    if not reading.firing:
        return Text("  No alert is firing in Alertmanager.", style="green")
    return Text("  Firing in Alertmanager: " + ", ".join(reading.firing), style="bold red")


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE, min_width=_WIDTH, padding=(0, 1))
    table.add_column(first)
    for title in others:
        table.add_column(title, justify="right")
    return table


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
        return _NO_DATA
    return Text("burning", style="red") if slo.burn > 1 else Text("ok", style="green")
