"""How often a source is asked again, and how long it is left alone in between."""

from collections.abc import Mapping
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.http_source import retry
from exporter.http_source.answer import SourceError, SourceFault
from tests.exporter.conftest import Serve
from tests.exporter.source_desk import Play, QuickClock, Script, opened, source_settings

NOW = 1_700_000_000.0


@pytest.mark.parametrize("passing", [Play(429), Play(502), Play(503), Play(504), Play(cut=True)])
async def test_passing_faults_are_retried(serving: Serve, passing: Play) -> None:
    script, clock = Script(passing, passing, Play(body=b"[1]")), QuickClock()
    async with opened(source_settings(await serving(script.app())), clock=clock) as source:
        assert (await source.read_by_post("/x", {})).json() == [1]
    assert clock.slept == [0.5, 1.0]


async def test_retries_end(serving: Serve) -> None:
    script, clock = Script(Play(503)), QuickClock()
    url = await serving(script.app())
    async with opened(source_settings(url, retries=4), clock=clock) as source:
        assert (await source.get("/x")).status == 503
    assert len(script.asked) == 5
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


async def test_a_question_by_post_that_only_reads_is_repeated_too(serving: Serve) -> None:
    script = Script(Play(503), Play())
    async with opened(source_settings(await serving(script.app()))) as source:
        await source.read_by_post("/x", {"query": "up"})
    assert [(asked.method, asked.form) for asked in script.asked] == [("POST", {"query": "up"})] * 2


@pytest.mark.parametrize("play", [Play(200), Play(301), Play(400), Play(401), Play(404), Play(500)])
async def test_what_would_not_pass_is_asked_once(serving: Serve, play: Play) -> None:
    script = Script(play)
    async with opened(source_settings(await serving(script.app()))) as source:
        assert (await source.get("/x")).status == play.status
    assert len(script.asked) == 1


async def test_a_request_out_of_time_is_not_repeated(serving: Serve) -> None:
    script = Script(Play(hang=True))
    url = await serving(script.app())
    async with opened(source_settings(url, timeout="100ms")) as source:
        with pytest.raises(SourceError) as caught:
            await source.get("/x")
    assert caught.value.fault is SourceFault.TIMEOUT
    assert len(script.asked) == 1


async def test_a_get_is_sent_at_most_twice_in_each_attempt(serving: Serve) -> None:
    script, clock = Script(Play(cut=True)), QuickClock()
    async with opened(source_settings(await serving(script.app())), clock=clock) as source:
        with pytest.raises(SourceError):
            await source.get("/x")
    assert (len(script.asked), clock.slept) == (6, [0.5, 1.0])


async def test_no_retries_are_none(serving: Serve) -> None:
    script = Script(Play(503))
    async with opened(source_settings(await serving(script.app()), retries=0)) as source:
        await source.get("/x")
    assert len(script.asked) == 1


async def test_a_longer_retry_after_is_kept_to(serving: Serve) -> None:
    script, clock = Script(Play(429, headers={"Retry-After": "7"}), Play()), QuickClock()
    async with opened(source_settings(await serving(script.app())), clock=clock) as source:
        await source.get("/x")
    assert clock.slept == [7.0]


async def test_a_long_retry_after_ends_the_asking(serving: Serve) -> None:
    script, clock = Script(Play(429, headers={"Retry-After": "60"})), QuickClock()
    async with opened(source_settings(await serving(script.app())), clock=clock) as source:
        answer = await source.get("/x")
    assert (len(script.asked), clock.slept, answer.retry_after) == (1, [], 60.0)
    with pytest.raises(SourceError) as caught:
        answer.checked()
    assert (caught.value.fault, caught.value.retry_after) == (SourceFault.RATE_LIMITED, 60.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 12 "}, 12.0),
        ({"Retry-After": "9" * 5000}, 86400.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "\N{ARABIC-INDIC DIGIT ONE}"}, None),
        ({"Retry-After": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"Retry-After": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"Retry-After": formatdate(NOW + 10**9, usegmt=True)}, 86400.0),
        (
            {
                "Retry-After": formatdate(NOW + 999, usegmt=True),
                "Date": formatdate(NOW + 990, usegmt=True),
            },
            9.0,
        ),
    ],
)
def test_retry_after_seconds_or_date(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry.retry_after(headers, now=NOW) == seconds


@given(
    attempt=st.integers(0, 10),
    backoff=st.floats(0.001, 100),
    longest=st.floats(0.001, 100),
    asked=st.none() | st.floats(0, 1000),
)
def test_pause_is_bounded(
    attempt: int, backoff: float, longest: float, asked: float | None
) -> None:
    pause = retry.pause(attempt, backoff=backoff, longest=longest, asked=asked)
    if pause is None:
        assert asked is not None
        assert asked > longest
    else:
        assert (asked or 0.0) <= pause <= longest


@given(st.text())
def test_no_header_breaks_the_reading_of_it(text: str) -> None:
    found = retry.retry_after({"Retry-After": text, "Date": text}, now=NOW)
    assert found is None or 0 <= found <= 86400
