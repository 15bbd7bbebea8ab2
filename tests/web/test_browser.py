"""The pages in a real Chromium: axe-core, charts, keyboard, phone, dark and light, no scripts."""

import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from exporter.devstack.stack import find_free_port
from generator.clients.http_config import Source
from tests.e2e.conftest import BIN
from tests.web.conftest import HOUR, PHONE, OpenPage, list_overflowing, list_violations, open_pages

_PATHS = (
    "/",
    "/?q=none",
    "/slo?id=shop-checkout&range=3d",
    "/slo?id=media-uploads&range=period",
    "/slo?id=bank-transfers",
    "/slo?id=none",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(pages: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(f"{pages}/", color_scheme=scheme)
    for path in _PATHS:
        page.goto(f"{pages}{path}", wait_until="load")
        assert list_violations(page) == [], path


def test_nothing_is_wider_than_a_phone(pages: str, open_page: OpenPage) -> None:
    page = open_page(f"{pages}/", viewport=PHONE)
    for path in _PATHS:
        page.goto(f"{pages}{path}", wait_until="load")
        assert list_overflowing(page) == [], path
        scrolling = page.evaluate(
            "[...document.querySelectorAll('section')].filter(e => e.scrollWidth > e.clientWidth)"
            ".map(e => e.getAttribute('aria-label'))"
        )
        assert scrolling == [], path
        assert list_violations(page) == [], path


def test_the_page_of_an_slo_draws_its_charts(pages: str, open_page: OpenPage) -> None:
    page = open_page(f"{pages}/slo?id=shop-checkout&range=3d")
    assert page.locator(".chart canvas").count() == 5
    # Something of the line of the burn rates is drawn.
    drawn = page.evaluate(
        "[...document.querySelectorAll('canvas')].map(c => c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data.some(v => v > 0))"
    )
    assert drawn == [True] * 5
    assert "P99" in page.locator("#chart-latency").inner_text()


def test_typing_searches_without_a_new_page(pages: str, open_page: OpenPage) -> None:
    page = open_page(f"{pages}/")
    page.evaluate("window.same = true")
    page.fill("#q", "transfers")
    rows = page.locator(".slos tbody tr")
    expect(rows).to_have_count(1)
    assert page.locator(".slos tbody tr").inner_text().startswith("✓ ok")
    assert page.evaluate("window.same") is True
    assert "q=transfers" in page.url
    page.fill("#q", "")
    page.select_option("#state", "page")
    expect(page.locator(".slos tbody tr.page")).to_have_count(1)
    expect(rows).to_have_count(1)


def test_the_overview_refreshes_itself_and_keeps_what_is_typed(
    pages: str, open_page: OpenPage
) -> None:
    page = open_page(f"{pages}/", has_clock=True)
    page.fill("#label", "team=")
    page.evaluate("document.querySelectorAll('.slos tbody tr').forEach(row => row.remove())")
    page.clock.run_for(16_000)
    expect(page.locator(".slos tbody tr")).to_have_count(6)
    assert page.input_value("#label") == "team="


def test_all_works_with_the_keyboard(pages: str, open_page: OpenPage) -> None:
    page = open_page(f"{pages}/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        text = page.evaluate("document.activeElement.id || document.activeElement.textContent")
        seen.append(text)
        if text == "requests":
            break
    assert {"q", "state", "label", "sort"} <= set(seen)
    page.keyboard.press("Enter")
    page.wait_for_url("**/slo?*id=shop-requests*")
    page.focus("nav.ranges a:has-text('6h')")
    page.keyboard.press("Enter")
    page.wait_for_url("**range=6h*")


def test_without_scripts_the_form_and_the_tables_work(pages: str, open_page: OpenPage) -> None:
    page = open_page(f"{pages}/", java_script_enabled=False)
    page.fill("#q", "uploads")
    page.click("text=Apply")
    assert page.locator(".slos tbody tr").count() == 1
    page.click("th a")
    assert "Groups, the worst first" in page.inner_text("main")
    assert "The charts need JavaScript" in page.inner_text("main")


def test_an_error_is_a_page_that_axe_accepts(open_page: OpenPage, empty: str) -> None:
    down = f"http://127.0.0.1:{find_free_port()}"
    for url in (down, empty):
        with open_pages(Source("prometheus", url)) as address:
            page = open_page(f"{address}/")
            assert list_violations(page) == []
            page.goto(f"{address}/slo?id=x")
            assert list_violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_accepts_a_report(
    recorded: str, open_page: OpenPage, tmp_path: Path, scheme: str
) -> None:
    path = tmp_path / "report.html"
    since = datetime.fromtimestamp(time.time() - 72 * HOUR, UTC).isoformat()
    command: list[str | Path] = [
        BIN / "slo-rules",
        "report",
        "--prometheus",
        recorded,
        "--since",
        since,
        "-o",
        path,
    ]
    subprocess.run(command, check=True, timeout=60)
    page = open_page(path.as_uri(), color_scheme=scheme)
    assert "objectives were kept" in page.inner_text(".lead")
    assert list_violations(page) == []
    assert list_overflowing(open_page(path.as_uri(), viewport=PHONE)) == []
