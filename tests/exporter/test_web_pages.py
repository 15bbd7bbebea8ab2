"""Web pages of a prober that is running, stuck or draining."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import aiohttp
import pytest

from exporter.config.web import WebConfig
from exporter.metrics.checks import CheckSettings
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.verdict import Reason
from exporter.reload import ReloadOutcome
from exporter.status import create_status
from exporter.web.front_page import FrontPage
from exporter.web.pages import PAGE_LIFETIME, ScenarioControl, WebPages
from slos.schema.contract import Stage, StageSource, Verdict
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.in_process_prober import PROBE_PATHS

RESULT = Run(
    "remediation",
    "direct",
    "slo-probe-1",
    Verdict.OK,
    Reason.EXECUTED_ONCE,
    {Stage.END_TO_END: {StageSource.CANARY: Bounds.exactly(0.25)}},
    1_700_000_000.0,
)
OK_RUNS = 'probe_runs_total{accepted="false",path="direct",probe="remediation",verdict="ok"}'


class ServedPages:
    """A served site and what it shows."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.face = create_status(
            self.clock,
            heartbeat_interval=1.0,
            probe_paths=PROBE_PATHS,
            targets={},
            checks=CheckSettings(),
        )
        self.site = WebPages(self.face, WebConfig())
        self.url = ""


@pytest.fixture
async def pages(serving: Serve) -> ServedPages:
    made = ServedPages()
    made.url = await serving(made.site.app)
    return made


async def get_status(client: aiohttp.ClientSession, url: str) -> int:
    async with client.get(url) as reply:
        await reply.read()
        return reply.status


async def test_health_and_readiness_of_a_prober(
    pages: ServedPages, client: aiohttp.ClientSession
) -> None:
    assert await get_status(client, f"{pages.url}/-/healthy") == 200
    assert await get_status(client, f"{pages.url}/-/ready") == 503
    pages.site.ready = True
    assert await get_status(client, f"{pages.url}/-/ready") == 200
    await pages.clock.jump(11.0)
    assert await get_status(client, f"{pages.url}/-/healthy") == 503, "the scheduler is stuck"


async def test_the_page_shows_the_backlog_of_the_clean_up(
    pages: ServedPages, client: aiohttp.ClientSession
) -> None:
    for count, expected in ((0, False), (12, True)):
        pages.face.gauges.cleanup_backlog.set(count)
        pages.face.gauges.cleanup_backlog_age.set(90)
        await pages.clock.jump(PAGE_LIFETIME)
        async with client.get(pages.url) as reply:
            assert ("clean-up: 12, the oldest sent 90 s ago." in await reply.text()) is expected


async def test_the_page_is_rendered_once_a_second_for_each_choice(
    pages: ServedPages, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[bool] = []
    render = FrontPage.render

    def count_render(page: FrontPage) -> str:
        rendered.append(page.choice.is_all)
        return render(page)

    monkeypatch.setattr(FrontPage, "render", count_render)
    urls = [f"{pages.url}/", f"{pages.url}/?show=all"] * 25
    for count in (1, 2):
        assert await asyncio.gather(*(get_status(client, url) for url in urls)) == [200] * 50
        assert sorted(rendered) == [False] * count + [True] * count
        await pages.clock.jump(PAGE_LIFETIME)


async def test_metrics_are_in_the_text_format(
    pages: ServedPages, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{pages.url}/metrics") as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_runs_of_an_earlier_process_are_counted_after_a_scrape(
    pages: ServedPages, client: aiohttp.ClientSession
) -> None:
    pages.face.metrics.postpone_judged([RESULT])
    for count in (0.0, 1.0, 1.0):
        async with client.get(f"{pages.url}/metrics") as reply:
            assert f"{OK_RUNS} {count}" in await reply.text()


class RecordingMarks:
    """Marks of counted runs, in a journal that works, fails or hangs."""

    def __init__(self) -> None:
        self.state = "works"
        self.calls: list[list[str]] = []

    async def mark_counted(self, ids: Sequence[str]) -> bool:
        self.calls.append(list(ids))
        if self.state == "hangs":
            await asyncio.Event().wait()
        return self.state == "works"


async def reload_nothing() -> ReloadOutcome:
    raise NotImplementedError


def start_leading(pages: ServedPages, marks: RecordingMarks) -> None:
    pages.site.start_leading(
        reload=reload_nothing,
        load_controller=cast("ScenarioControl", None),
        mark_counted=marks.mark_counted,
    )


@pytest.mark.parametrize("state", ["fails", "hangs"])
async def test_a_scrape_marks_counted_runs_again_until_that_works(
    pages: ServedPages, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr("exporter.web.pages.MARK_TIMEOUT", 0.01)
    marks = RecordingMarks()
    start_leading(pages, marks)
    pages.face.metrics.postpone_judged([RESULT])
    assert await get_status(client, f"{pages.url}/metrics") == 200
    assert marks.calls == [], "this scrape does not show the count"
    for marks.state in (state, state, "works", "works"):
        assert await get_status(client, f"{pages.url}/metrics") == 200
    assert marks.calls == [[RESULT.id]] * 3


async def test_runs_that_are_scraped_on_standby_are_marked_by_the_next_leader(
    pages: ServedPages, client: aiohttp.ClientSession
) -> None:
    marks = RecordingMarks()
    start_leading(pages, marks)
    pages.face.metrics.postpone_judged([RESULT])
    pages.site.stop_leading()
    for _ in range(2):
        await get_status(client, f"{pages.url}/metrics")
    pages.face.metrics.postpone_judged([RESULT])  # the journal returns it, as it is not marked
    start_leading(pages, marks)
    for _ in range(2):
        async with client.get(f"{pages.url}/metrics") as reply:
            assert f"{OK_RUNS} 1.0" in await reply.text()
    assert marks.calls == [[RESULT.id]]


async def test_runs_are_listed_as_json(pages: ServedPages, client: aiohttp.ClientSession) -> None:
    pages.face.history.add(RESULT)
    async with client.get(f"{pages.url}/runs") as reply:
        assert await reply.json() == [
            {
                "probe": "remediation",
                "path": "direct",
                "id": "slo-probe-1",
                "verdict": "ok",
                "reason": "executed_once",
                "stages": {"end_to_end": 0.25},
                "sources": {"end_to_end": "canary"},
                "bounds": {},
                "intended_at": "2023-11-14T22:13:20.000Z",
            }
        ]


async def test_failures_are_listed_as_json(
    pages: ServedPages, client: aiohttp.ClientSession
) -> None:
    pages.face.history.add(RESULT)
    pages.face.history.add(replace(RESULT, id="lost-1", verdict=Verdict.LOST))
    async with client.get(f"{pages.url}/failures") as reply:
        assert [(run["id"], run["verdict"]) for run in await reply.json()] == [("lost-1", "lost")]


async def test_the_index_links_every_page(
    pages: ServedPages, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{pages.url}/") as reply:
        text = await reply.text()
    for path in ("/metrics", "/runs", "/failures", "/-/healthy", "/-/ready"):
        assert path in text
        assert await get_status(client, pages.url + path) in (200, 503)
