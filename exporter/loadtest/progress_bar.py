"""Progress bar of a scenario. It needs rich, which the extra `all` installs."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.loadtest.result import LoadStep, ScenarioResult
from exporter.loadtest.summary import format_progress, format_step


class ProgressBar:
    """Bar on stderr with rate, events in flight, p95 and verdicts; steps are lines above it."""

    def __init__(self, scenario: str, console: Console | None = None) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}"),
            console=console or Console(stderr=True),
        )
        self._task = self._bar.add_task(scenario, total=None, state="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def show_note(self, note: str) -> None:
        """Print the remark above the bar."""
        self._bar.console.print(note, highlight=False, markup=False)

    def show_progress(self, progress: Mapping[str, Any]) -> None:
        """Move the bar to the number of events that were sent."""
        self._bar.update(
            self._task,
            completed=progress["sent"],
            total=progress["planned_events"],
            state=format_progress(progress),
        )

    def show_step(self, result: ScenarioResult, step: LoadStep) -> None:
        """Print the step above the bar."""
        self._bar.console.print(format_step(result, step), highlight=False)
