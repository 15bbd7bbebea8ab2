"""Fixtures: a real Prometheus with recorded SLOs, and `slo-rules serve` over it."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from exporter.devstack import stack
from exporter.devstack.stack import find_binary, find_free_port, start_process, wait_for_line
from generator.clients.http_config import Source
from generator.clients.query_api import QUERY_TIMEOUT
from generator.web.app import Links
from generator.web.server import ServerSettings, open_server
from tests.benchmarks.tsdb import find_tool, write_series
from tests.e2e.conftest import BIN
from tests.generator.recorded_history import DAY, History, list_series, outage, steady

HOUR = 3600
PERIOD = 3
"""Days of the period of the SLOs."""
_AXE = (Path(__file__).parent / "axe.min.js").read_text()
_DESKTOP, PHONE = {"width": 1300, "height": 900}, {"width": 390, "height": 844}
HOSTILE = '"><img src=x onerror=alert(1)>'
SLOS = (
    History(
        "requests",
        outage(2 * HOUR, -HOUR, 0.02, 0.0001),
        days=PERIOD,
        labels={"team": "web"},
        alerts=(
            ("ShopRequestsErrors", "page", 1.8 * HOUR, -HOUR),
            ("ShopRequestsErrors", "page", 30 * HOUR, 29 * HOUR),
        ),
    ),
    History(
        "checkout",
        outage(30 * HOUR, 27 * HOUR, 0.01, 0.0001),
        days=PERIOD,
        labels={"team": "pay"},
        latency=True,
        alerts=(("ShopCheckoutErrors", "page", 29.5 * HOUR, 26.5 * HOUR),),
    ),
    History("search", steady(0.0004), objective=0.995, days=PERIOD, labels={"team": "web"}),
    History("transfers", steady(0.001), service="bank", objective=0.99, days=PERIOD, is_sloth=True),
    History("uploads", steady(0.002), service="media", days=PERIOD, group={"code": "a"}),
    History(
        "uploads", steady(0.0001), service="media", days=PERIOD, group={"code": "b"}, is_first=False
    ),
    History("gone", steady(0.0001), service="media", days=PERIOD, end=3 * HOUR),
    History(
        "<script>alert(1)</script>",
        steady(0.0001),
        service="../&?#%2F",
        days=PERIOD,
        labels={"evil": HOSTILE},
    ),
)
"""SLOs of the Prometheus: one pages, one is exhausted, one is not recorded any more."""


@contextmanager
def run_recorded_prometheus(
    folder: Path, histories: tuple[History, ...], days: float = PERIOD + 0.5
) -> Iterator[str]:
    """A Prometheus that has recorded these SLOs until now, and for a while to come."""
    now = time.time() // 60 * 60
    series = (text for each in histories for text in list_series(each, now, days * DAY))
    with run_prometheus_with(folder, series) as url:
        yield url


@contextmanager
def run_prometheus_with(folder: Path, series: Iterable[str]) -> Iterator[str]:
    """A Prometheus that has these series, as OpenMetrics text."""
    write_series(series, folder)
    address = f"127.0.0.1:{find_free_port()}"
    scraped = {"job_name": "self", "static_configs": [{"targets": [address]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    child = start_process(
        "prometheus",
        [find_tool("prometheus"), f"--config.file={folder / 'prometheus.yml'}",
         f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}",
         "--storage.tsdb.retention.time=1y"],
        folder=folder,
    )  # fmt: skip
    try:
        child.wait_for(lambda: stack._is_answering(f"http://{address}/-/ready"))
        yield f"http://{address}"
    finally:
        child.stop()


@contextmanager
def open_pages(
    *sources: Source, links: Links | None = None, query_timeout: float = QUERY_TIMEOUT
) -> Iterator[str]:
    """The pages over some sources, in a thread of this process."""
    started: Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def serve() -> None:
        stop = asyncio.Event()
        settings = ServerSettings(sources, links=links or Links(), query_timeout=query_timeout)
        async with open_server(settings) as url:
            started.put((url, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    url, loop, stop = started.get(timeout=30)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@contextmanager
def run_pages(folder: Path, *arguments: str) -> Iterator[str]:
    """`slo-rules serve` as a process."""
    child = start_process(
        "serve", [BIN / "slo-rules", "serve", "--listen", "127.0.0.1:0", *arguments], folder=folder
    )
    try:
        yield wait_for_line(child, "listening on ")
        log = child.read_log_tail()
        assert "Traceback" not in log, log
    finally:
        child.stop()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has recorded `SLOS`."""
    with run_recorded_prometheus(tmp_path_factory.mktemp("recorded"), SLOS) as url:
        yield url


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has recorded nothing."""
    with run_recorded_prometheus(tmp_path_factory.mktemp("empty"), ()) as url:
        yield url


@pytest.fixture(scope="session")
def pages(recorded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pages over this Prometheus."""
    with run_pages(
        tmp_path_factory.mktemp("pages"),
        *("--prometheus", recorded, "--grafana", "https://grafana.example"),
    ) as url:
        yield url


OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = find_binary("chromium")
    if not chromium:
        pytest.skip("chromium is missing (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page; at the end, no page may have had an error in its console."""
    errors: list[str] = []
    contexts = []

    def open_one(url: str, *, has_clock: bool = False, **options: Any) -> Page:  # noqa: ANN401
        context = browser.new_context(**{"viewport": _DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        if has_clock:
            page.clock.install()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: errors.append(message.text) if message.type == "error" else None,
        )
        page.goto(url, wait_until="load")
        return page

    yield open_one
    for each in contexts:
        each.close()
    # A page of status 404 or 502 is an error of the console.
    assert [each for each in errors if "the server responded with a status of" not in each] == []


def list_violations(page: Page) -> list[str]:
    page.evaluate(_AXE)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary']}"
        for each in result["violations"]
        for node in each["nodes"]
    ]


def list_overflowing(page: Page) -> list[str]:
    """Elements that make a page wider than its window."""
    found: list[str] = page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth ? [] : [...document.body"
        ".querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 200))"
    )
    return found
