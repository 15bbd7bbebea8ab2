"""Progress of a scenario on the terminal: a bar where stderr is one, plain lines elsewhere."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Protocol, Self

import click

from exporter.loadtest.result import LoadStep, ScenarioResult
from exporter.loadtest.summary import format_progress, format_step

_LINE_INTERVAL = 10.0
"""Seconds between two plain lines."""


class ProgressView(Protocol):
    """View of the progress of one scenario; use it as a context manager."""

    def __enter__(self) -> Self:
        """Show it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""

    def show_note(self, note: str) -> None:
        """Show a remark on the run."""

    def show_progress(self, progress: Mapping[str, Any]) -> None:
        """Show the progress of the running scenario."""

    def show_step(self, result: ScenarioResult, step: LoadStep) -> None:
        """Show a step that has ended."""


def open_progress_view(scenario: str) -> ProgressView:
    """Open a bar if stderr is a terminal, and rich is installed; plain lines otherwise."""
    if sys.stderr.isatty() and find_spec("rich"):
        from exporter.loadtest import progress_bar  # noqa: PLC0415 - rich is optional

        return progress_bar.ProgressBar(scenario)
    return ProgressLines(scenario)


class ProgressLines:
    """Plain lines on stderr: one for each step, and one in ten seconds."""

    def __init__(self, scenario: str) -> None:
        self._scenario = scenario
        self._next_at = _LINE_INTERVAL

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing; each line is complete."""

    def show_note(self, note: str) -> None:
        """Print the remark."""
        click.echo(f"{self._scenario}: {note}", err=True)

    def show_progress(self, progress: Mapping[str, Any]) -> None:
        """Print a line, unless one was printed a short time ago."""
        if progress["elapsed"] < self._next_at:
            return
        self._next_at = progress["elapsed"] + _LINE_INTERVAL
        counts = f"{progress['sent']:,} of {progress['planned_events']:,} events"
        click.echo(f"{self._scenario}: {counts}, {format_progress(progress)}", err=True)

    def show_step(self, result: ScenarioResult, step: LoadStep) -> None:
        """Print the step."""
        click.echo(format_step(result, step), err=True)
