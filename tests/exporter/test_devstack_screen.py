"""Screen of `make run`: what is visible on a small terminal."""

import io

import pytest
from rich.console import Console

from exporter.devstack.terminal import Links, SloState, StackReading, render_screen

LINKS = Links(
    {"slo-probe": "http://127.0.0.1:1/", "Prometheus": "http://127.0.0.1:2/alerts"},
    "No pages of Alertmanager are installed, only APIs; see slo-probe.",
)


@pytest.mark.parametrize("rows", [24, 30, 50])
def test_verdicts_alerts_links_and_the_worst_objective_fit_on_the_terminal(rows: int) -> None:
    slos = {f"objective-{number}": SloState(number / 10, 0.5) for number in range(18)}
    reading = StackReading(verdicts={"ok": 5, "lost": 2}, slos=slos, firing=("AgentSREDown",))
    lines = _draw(reading, rows)
    assert len(lines) <= rows
    text = "\n".join(lines)
    for part in ("ok 5", "lost 2", "AgentSREDown", *LINKS.urls.values(), LINKS.note):
        assert part in text
    assert "objective-17" in text
    shown = sum(f"objective-{number} " in text for number in range(18))
    assert shown == 18 or f"and {18 - shown} objectives" in text


def test_a_screen_without_links_names_no_url() -> None:
    reading = StackReading(slos={"latency": SloState(None, None)})
    assert "http" not in "\n".join(_draw(reading, None, Links()))


def _draw(reading: StackReading, rows: int | None, links: Links = LINKS) -> list[str]:
    output = io.StringIO()
    Console(file=output, width=80).print(render_screen(reading, {}, links, rows=rows))
    return output.getvalue().splitlines()
