"""The front page of the prober in a real Chromium: axe-core, keyboard, phone, dark and light."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import Queue

import pytest
from playwright.sync_api import expect

from exporter.fields import Address
from exporter.listener.server import bind_socket, format_url, serve_app
from tests.exporter.front_page_states import STATES, FrontPageState
from tests.web.conftest import PHONE, OpenPage, list_overflowing, list_violations


@contextmanager
def serve_state(state: FrontPageState) -> Iterator[str]:
    """The page of a state, in a thread of this process, with the headers of the prober."""
    started: Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Queue()
    listener = bind_socket("test", Address("127.0.0.1", 0))
    url = format_url(listener)

    async def serve() -> None:
        stop = asyncio.Event()
        server = await serve_app(state.site.app, listener)
        started.put((asyncio.get_running_loop(), stop))
        await stop.wait()
        await server.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop, stop = started.get(timeout=30)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def prober_pages() -> Iterator[dict[str, str]]:
    """URL of the page of each state."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(serve_state(build())) for name, build in STATES.items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1300, "height": 900}, PHONE])
def test_axe_finds_no_violation_and_nothing_is_too_wide(
    prober_pages: dict[str, str], open_page: OpenPage, scheme: str, viewport: dict[str, int]
) -> None:
    for name, url in prober_pages.items():
        page = open_page(url, color_scheme=scheme, viewport=viewport)
        # Runs beyond these are alike; axe takes a second for each dozen.
        page.evaluate(
            "document.querySelectorAll('.runs > li:nth-child(n+7)').forEach(each => each.remove());"
            "document.querySelectorAll('details').forEach(each => each.open = true)"
        )
        assert list_overflowing(page) == [], name
        assert list_violations(page) == [], name


def test_runs_open_with_the_keyboard_and_without_scripts(
    prober_pages: dict[str, str], open_page: OpenPage
) -> None:
    page = open_page(prober_pages["failing"], java_script_enabled=False)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to content"
    page.keyboard.press("Enter")
    second = page.locator("section[aria-labelledby=failures] details").nth(1)
    assert second.get_attribute("open") is None
    second.locator("summary").focus()
    page.keyboard.press("Enter")
    assert second.get_attribute("open") is not None
    assert "Where to look: the prober itself" in second.inner_text()


def test_a_range_and_all_runs_are_a_link_away(
    prober_pages: dict[str, str], open_page: OpenPage
) -> None:
    page = open_page(prober_pages["healthy"])
    page.click("text=week")
    assert page.locator(".ranges b").inner_text() == "week"
    page.click("text=Show all 100 runs")
    page.wait_for_load_state("load")
    expect(page.locator("section[aria-labelledby=runs] details")).to_have_count(100)
    assert page.locator(".ranges b").inner_text() == "week"
    page.go_back()
    expect(page.locator("section[aria-labelledby=runs] details")).to_have_count(20)


def test_bars_have_the_width_of_the_page(prober_pages: dict[str, str], open_page: OpenPage) -> None:
    page = open_page(prober_pages["healthy"], viewport=PHONE)
    widths = page.evaluate(
        "[...document.querySelectorAll('svg.counts, details[open] .fall svg')]"
        ".map(each => each.getBoundingClientRect().width)"
    )
    assert len(widths) > 5
    assert min(widths) > 250
