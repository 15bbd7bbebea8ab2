"""The front page of the prober: what it says of a state, and its whole HTML for one."""

import asyncio
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest

from exporter.config.web import PageLinks, WebConfig
from exporter.model.bounds import Bounds
from exporter.model.verdict import Reason
from exporter.web.explanations import REASONS, WHERE_TO_LOOK
from exporter.web.front_page import Choice, format_age, list_run_links
from exporter.web.waterfall import build_waterfall
from slos.schema.contract import Stage, StageSource, Verdict
from tests.exporter.conftest import Serve
from tests.exporter.front_page_states import (
    HOSTILE,
    LINKS,
    NOW,
    STATES,
    TIMES,
    FrontPageState,
    build_failing,
    build_healthy,
    build_run,
)

GOLDEN = Path(__file__).parent / "front_page.html"
_VOID = frozenset({"meta", "br", "img", "input", "link"})
_OPTIONAL_ENDS = frozenset({"tr", "th", "td", "thead", "tbody"})


def render(state: FrontPageState, query: str = "") -> str:
    chosen = dict(part.split("=") for part in query.split("&") if part)
    return state.site._build_front_page(Choice.from_query(chosen)).render()


def extract_text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("</style>")[2]).split())


def test_the_whole_page_is_the_expected_one() -> None:
    page = render(build_failing())
    if os.environ.get("UPDATE_GOLDENS"):
        GOLDEN.write_text(page)
    assert page == GOLDEN.read_text()


class OpenElements(HTMLParser):
    """Elements that are open; an end tag has to close the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag not in _VOID | _OPTIONAL_ENDS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in _OPTIONAL_ENDS:
            assert self.open.pop() == tag


@pytest.mark.parametrize("name", STATES)
def test_every_element_is_closed(name: str) -> None:
    parser = OpenElements()
    parser.feed(render(STATES[name]()))
    assert parser.open == []


def test_a_page_without_runs_says_so() -> None:
    state = FrontPageState()
    text = extract_text(render(state))
    assert "slo-probe on standby" in text
    assert "No run has ended yet." in text
    assert "No failure is known." in text
    assert "On standby: another prober may hold the lease and send." in text


async def test_a_prober_that_is_stalled_says_so_first() -> None:
    state = build_healthy()
    await state.clock.jump(11.0)
    page = render(state)
    assert "slo-probe stalled" in extract_text(page)
    assert "is stalled: nothing is sent." in extract_text(page)
    assert '<div class="summary wrong">' in page


def test_the_summary_names_what_fails_now() -> None:
    healthy = extract_text(render(build_healthy(), "range=day"))
    assert (
        "The newest run of each probe is ok. The newest run of resolved on direct is ok but missed "
        "a latency target. In the last day: 240 runs, no failure."
    ) in healthy
    failing = extract_text(render(build_failing(), "range=hour"))
    assert "The newest run of remediation on direct is rejected: answered 5xx." in failing
    assert "In the last hour: 44 runs, 4 failures. The last one was 2 min ago." in failing
    assert "Not configured, so neither passed nor failed: security.rate_limiting" in failing


def test_a_run_shows_each_stage_with_its_source_and_time() -> None:
    state = FrontPageState()
    state.add_run(build_run(7, ago=90))
    text = extract_text(render(state))
    for part in (
        "2023-11-14 22:11:50 90 s ago remediation on direct ✓ ok",
        "Ok: executed once, with the right parameters, by the deadline.",
        "cloudevent processing reply 0.020 s",
        "linear issue creation linear 0.000 to 0.900 s not decided 0.5 s",
        "remediation selection tempo 0.120 s",
        "remediation selection canary 0.310 s does not count",
        "lambda execution canary 0.200 to 0.250 s",
        "verification tempo 0.300 s its start is not known",
        "end to end canary 0.550 s met 1 s",
        "Correlation id slo-probe-0007",
    ):
        assert part in text, part


def test_a_stage_that_nobody_observed_is_named_and_has_no_bar() -> None:
    fall = build_waterfall(build_run(1, ago=1, times={}), {})
    assert (fall.bars, fall.missing) == ([], list(Stage))
    state = FrontPageState()
    state.add_run(build_run(1, ago=1, times={}, verdict=Verdict.LOST))
    assert "no stage was observed" in extract_text(render(state))


def test_bars_lie_where_the_stages_were() -> None:
    fall = build_waterfall(build_run(1, ago=1), {Stage.END_TO_END: 0.5})
    by_source = {(bar.stage, bar.source): bar for bar in fall.bars}
    function = by_source[Stage.LAMBDA_EXECUTION, StageSource.CANARY]
    assert (function.earliest, function.latest) == pytest.approx((0.30, 0.55)), "it ends the run"
    assert (function.start, function.sure) == pytest.approx((0.35, 0.2)), "surely under way"
    issue = by_source[Stage.LINEAR_ISSUE_CREATION, StageSource.LINEAR]
    assert (issue.earliest, issue.sure, issue.latest) == (0.0, 0.0, 0.9)
    verification = by_source[Stage.VERIFICATION, StageSource.TEMPO]
    assert (verification.earliest, verification.is_placed) == (0.55, False)
    assert fall.length == pytest.approx(0.9)
    counting = [bar.source for bar in fall.bars if bar.stage is Stage.REMEDIATION_SELECTION]
    assert counting == [StageSource.TEMPO, StageSource.CANARY], "the one that counts is first"
    assert fall.is_missed
    assert by_source[Stage.END_TO_END, StageSource.CANARY].result == "missed"


def test_a_function_that_took_longer_than_the_run_does_not_begin_before_it() -> None:
    times: dict[Stage, dict[str, Bounds]] = {
        Stage.LAMBDA_EXECUTION: {StageSource.TEMPO: Bounds(0.5, 0.9)},
        Stage.END_TO_END: {StageSource.CANARY: Bounds.exactly(0.4)},
    }
    function, _ = build_waterfall(build_run(1, ago=1, times=times), {}).bars
    assert (function.start, function.earliest) == (0.0, 0.0)


def test_only_the_newest_runs_are_shown_until_all_are_asked_for() -> None:
    state = build_healthy()
    for query, shown in (("", 20), ("show=all", 100)):
        page = render(state, query)
        runs = page.partition('aria-label="Last runs"')[2].partition("</ol>")[0]
        assert runs.count("<li>") == shown
        assert ("Show all 100 runs" in page) is (shown != 100)


def test_links_keep_what_else_is_chosen() -> None:
    choice = Choice.from_query({"range": "week", "show": "all", "refresh": "on", "x": "y"})
    assert choice == Choice("week", is_all=True, is_refreshed=True)
    assert choice.link(range="hour") == "?range=hour&show=all&refresh=on"
    assert Choice.from_query({"range": "year", "show": "1", "refresh": "1"}) == Choice()


def test_a_run_links_where_its_values_are_known() -> None:
    run = build_run(7, ago=1)
    links = PageLinks(tempo="https://t/{trace_id}/{id}", linear="https://l/{issue_id}")
    trace = f"https://t/{run.trace_id}/slo-probe-0007"
    assert list_run_links(run, links) == [
        ("Trace in Tempo", trace),
        ("Linear issue", "https://l/issue-7"),
    ]
    assert list_run_links(replace(run, trace_id=None, leftovers=()), links) == []
    assert list_run_links(run, PageLinks()) == []
    odd = replace(run, id="a/b?c&{trace_id}")
    assert list_run_links(odd, PageLinks(linear="https://l/{id}")) == [
        ("Linear issue", "https://l/a%2Fb%3Fc%26%7Btrace_id%7D")
    ]


def test_scenarios_and_leaks_say_why() -> None:
    text = extract_text(render(build_failing()))
    for part in (
        (
            "● missed throughput 2023-11-14 21:06:40, 400 s, 12,345 events A target was missed. "
            "missed: lambda_execution 12/s (10.5 to 13), target &gt;20/s "
            "met: cloudevent_processing 120/s, target &gt;100/s Report · Result as JSON"
        ),
        "▲ invalid stress",
        "events were sent 0.2 s late",
        "stopped: normal failures",
        "running concurrent",
        "● leak working set agent-sre-0 +4.2 MB per hour (+3.1 MB to +5.5 MB)",
        "+812 bytes per event, it grows with each event.",
        (
            "○ insufficient threads agent-sre-0 The process is still warming up. "
            "What would change it: A verdict needs 2 hours and, where events are counted, 6,000"
        ),
        "target judged 5 min ago; not observed: rss",
        "security.containment until 2027-03-31",
    ):
        assert part in text, part


def test_hostile_texts_are_text() -> None:
    page = render(STATES["hostile"]())
    assert "<script" not in page
    assert "<img" not in page
    assert HOSTILE.split(" ww")[0] in page.replace("&lt;", "<").replace("&gt;", ">").replace(
        "&#34;", '"'
    )
    assert page.count("49") == render(STATES["empty"]()).count("49"), "no template is evaluated"


def test_every_verdict_and_reason_is_explained() -> None:
    assert set(WHERE_TO_LOOK) == set(Verdict)
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7200, "2 h ago"), (2e5, "2 d ago")],
)
def test_an_age_has_one_unit(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


async def test_the_page_loads_itself_again_only_where_that_is_chosen(
    serving: Serve, client: aiohttp.ClientSession
) -> None:
    state = build_healthy()
    url = await serving(state.site.app)
    for query, expected in (("", None), ("?refresh=on", "10")):
        async with client.get(f"{url}/{query}") as reply:
            assert reply.headers.get("Refresh") == expected
            assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
            assert 'href="https://slos.example/"' in await reply.text()
    state.site.update_config(WebConfig(links=LINKS.model_copy(update={"slos": None})))
    async with client.get(url) as reply:
        assert "https://slos.example/" not in await reply.text(), "as after a reload"


async def test_many_readers_get_the_page(serving: Serve, client: aiohttp.ClientSession) -> None:
    url = await serving(build_failing().site.app)

    async def read() -> str:
        async with client.get(url) as reply:
            return await reply.text()

    assert len(set(await asyncio.gather(*(read() for _ in range(5))))) == 1


def test_times_of_the_states_are_those_of_the_page() -> None:
    assert build_failing().clock.wall() == NOW
    assert set(TIMES) == set(Stage)
