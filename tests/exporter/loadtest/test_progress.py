"""Progress of a scenario: a bar on a terminal, plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from exporter.loadtest.progress import ProgressLines, open_progress_view
from exporter.loadtest.progress_bar import ProgressBar
from exporter.loadtest.result import LoadStep, ScenarioResult, ScenarioState

RESULT = ScenarioResult("1", "stress", ScenarioState.RUNNING, 0.0, unit="events a second")
STEP = LoadStep(11.0, 110, {"ok": 100, "lost": 10}, phase="up")


def describe(elapsed: float) -> dict[str, object]:
    return {
        "elapsed": elapsed,
        "sent": 1234,
        "planned_events": 5000,
        "rate": 24.96,
        "in_flight": 7,
        "p95": 0.0812,
        "verdicts": {"ok": 1200, "lost": 27},
    }


def test_lines_come_at_most_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLines("stress") as view:
        for elapsed in (1.0, 9.9, 10.0, 15.0, 20.1):
            view.show_progress(describe(elapsed))
        view.show_step(RESULT, STEP)
    line = "stress: 1,234 of 5,000 events, 25.0/s, 7 in flight, p95 0.081 s, 27 lost, 1200 ok\n"
    step = "11 events a second, up: 110 sent (10 answered 200 and never executed, 100 ok)\n"
    assert capsys.readouterr().err == 2 * line + step


def test_the_bar_shows_rate_in_flight_p95_and_verdicts() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=160, color_system=None)
    with ProgressBar("stress", console) as view:
        view.show_progress(describe(1.0))
        view.show_step(RESULT, STEP)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "1234/5000" in shown
    assert "25.0/s, 7 in flight, p95 0.081 s, 27 lost, 1200 ok" in shown
    assert "11 events a second, up: 110 sent" in shown


def test_without_a_terminal_there_is_no_bar() -> None:
    assert isinstance(open_progress_view("stress"), ProgressLines)
