"""Linear out of order: how it is left alone, when it is asked again, and that no key shows."""

import logging
import traceback
from collections.abc import Callable

import pytest
from aiohttp import web
from pydantic import SecretStr

from exporter.backoff import Backoff
from exporter.linear.client import LinearClient
from exporter.linear.fault import LinearError, LinearFault
from exporter.linear.gate import Gate
from exporter.linear.settings import LinearKeyError
from exporter.simulator.linear_api.settings import Settings
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.linear.conftest import KEY, Desk, client_of, desk


async def failing(client: LinearClient) -> LinearError:
    """The error of a question that must fail."""
    with pytest.raises(LinearError) as failed:
        await client.orphans(0)
    return failed.value


async def test_retry_after_is_kept_to_the_second(linear: Desk) -> None:
    linear.api.faults.set("ratelimited:120")
    assert (await failing(linear.client)).wait == 120
    linear.api.faults.set("none")
    await linear.clock.advance(119.9)
    error = await failing(linear.client)
    assert (error.fault, linear.api.served.requests) == (LinearFault.RATE_LIMITED, 1)
    assert error.wait == pytest.approx(0.1)
    await linear.clock.advance(0.2)
    assert await linear.client.orphans(0) == []
    assert linear.failures == [LinearFault.RATE_LIMITED]


@pytest.mark.parametrize("skew", [7200, 0, -7200])
async def test_a_used_up_limit_is_left_alone_until_it_resets(clock: FakeClock, skew: int) -> None:
    limited = Settings(key=KEY, requests_per_hour=3)
    async with desk(clock, f"skew:{skew}", api=limited) as small:
        for _ in range(3):
            await small.client.orphans(0)
        error = await failing(small.client)
        assert error.fault is LinearFault.RATE_LIMITED
        assert error.wait == pytest.approx(3600, abs=1)
        await clock.advance(error.wait + 1)
        assert await small.client.orphans(0) == []
        assert small.api.served.rate_limited == 1


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ("down", LinearFault.UNREACHABLE),
        ("error", LinearFault.SERVER_ERROR),
        ("garbage", LinearFault.BAD_ANSWER),
    ],
)
async def test_waits_double_up_to_a_cap(linear: Desk, faults: str, expected: LinearFault) -> None:
    linear.api.faults.set(faults)
    for wait in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        error = await failing(linear.client)
        assert (error.fault, error.wait) == (expected, wait)
        await linear.clock.advance(wait)
    linear.api.faults.set("none")
    await linear.client.orphans(0)
    assert linear.client.fault is None
    linear.api.faults.set(faults)
    assert (await failing(linear.client)).wait == 2


@pytest.mark.parametrize(
    ("flag", "fault", "most"),
    [("down", LinearFault.UNREACHABLE, 24), ("unauthorized", LinearFault.UNAUTHORIZED, 12)],
)
async def test_an_hour_of_questions_costs_few_requests(
    linear: Desk, flag: str, fault: LinearFault, most: int
) -> None:
    linear.api.faults.set(flag)
    for _ in range(720):
        assert (await failing(linear.client)).fault is fault
        await linear.clock.advance(5)
    assert 12 <= linear.api.served.requests <= most
    assert len(linear.failures) == linear.api.served.requests


async def test_a_changed_key_is_taken_up(clock: FakeClock) -> None:
    keys = iter(["lin_api_old", KEY])
    async with desk(clock) as server:
        url = server.api.url
        async with client_of(url, clock, read_key=lambda: SecretStr(next(keys))) as client:
            await failing(client)
            await clock.advance(300)
            assert await client.orphans(0) == []


async def test_a_key_that_is_gone_is_an_unauthorized_client_until_it_is_back(linear: Desk) -> None:
    keys: list[SecretStr] = [SecretStr("lin_api_old")]

    def read() -> SecretStr:
        if not keys:
            raise LinearKeyError("linear: key file key is empty")
        return keys.pop()

    async with client_of(linear.api.url, linear.clock, read_key=read) as client:
        for _ in range(3):
            assert (await failing(client)).fault is LinearFault.UNAUTHORIZED
            await linear.clock.advance(300)
        assert linear.api.served.requests == 1
        keys.append(SecretStr(KEY))
        assert await client.orphans(0) == []


async def test_without_a_key_there_is_no_client(clock: FakeClock) -> None:
    def read() -> SecretStr:
        raise LinearKeyError("linear: key file key is empty")

    with pytest.raises(LinearKeyError):
        async with client_of("http://127.0.0.1:9/", clock, read_key=read):
            raise AssertionError


async def test_an_answer_that_takes_too_long_is_given_up(linear: Desk) -> None:
    linear.api.faults.set("slow:5")  # on a clock that stands still
    async with client_of(linear.api.url, linear.clock, timeout="50ms") as client:
        error = await failing(client)
    assert error.fault is LinearFault.UNREACHABLE
    assert "no reply within 0.05 s" in str(error)


async def test_a_forbidden_archiving_stops_no_search(linear: Desk) -> None:
    issue_id = linear.write("[Alert] x", "")
    linear.api.faults.set("forbidden")
    assert await linear.client.archive([issue_id]) == [issue_id]
    assert linear.failures == [LinearFault.UNAUTHORIZED]
    assert await linear.client.orphans(0) == []


async def test_a_refused_search_is_not_repeated_at_once(serving: Serve, clock: FakeClock) -> None:
    asked = []

    async def refuse(_: web.Request) -> web.Response:
        asked.append(1)
        body = {"errors": [{"message": "Forbidden", "extensions": {"type": "forbidden"}}]}
        return web.json_response(body)

    async with client_of(await serving(app_of(refuse)), clock) as client:
        for _ in range(5):
            assert (await failing(client)).fault is LinearFault.UNAUTHORIZED
            await clock.advance(50)
    assert len(asked) == 1


async def test_an_answer_that_was_on_its_way_does_not_end_a_wait(clock: FakeClock) -> None:
    gate = Gate(Backoff(first=1, cap=1), clock=clock, failed=lambda _: None)
    gate.shut(LinearFault.RATE_LIMITED, "told so", wait=60)
    gate.opened()
    with pytest.raises(LinearError):
        gate.enter()
    await clock.advance(60)
    gate.enter()


async def echo(request: web.Request) -> web.Response:
    """A proxy that repeats what it was sent, as some do when they are confused."""
    text = f"bad header {request.headers['Authorization']}"
    return web.json_response({"errors": [{"message": text, "extensions": {"code": text}}]})


async def break_off(request: web.Request) -> web.StreamResponse:
    """Announces more than it sends."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.abort()
    return response


async def elsewhere(_: web.Request) -> web.Response:
    return web.Response(status=307, headers={"Location": "/trap"})


def app_of(answer: Callable[[web.Request], object]) -> web.Application:
    app = web.Application()
    app.router.add_post("/", answer)  # type: ignore[arg-type]
    return app


def told(error: BaseException | None) -> str:
    """Everything an error and those behind it could show."""
    texts = []
    while error is not None:
        texts += [repr(error), str(error), *traceback.format_exception(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@pytest.mark.parametrize("answer", [echo, break_off, elsewhere])
async def test_a_strange_server_gets_no_key_into_any_text(
    serving: Serve,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    answer: Callable[[web.Request], object],
) -> None:
    caplog.set_level(logging.DEBUG)
    trapped = []

    async def trap(request: web.Request) -> web.Response:
        trapped.append(request)
        return web.Response()

    app = app_of(answer)
    app.router.add_post("/trap", trap)
    async with client_of(await serving(app), clock) as client:
        text = told(await failing(client)) + repr(client) + repr(vars(client))
    assert KEY not in text + caplog.text
    assert trapped == []


@pytest.mark.parametrize(
    "fault", ["down", "error", "garbage", "unauthorized", "ratelimited:9", "slow:5"]
)
async def test_key_in_no_text(linear: Desk, caplog: pytest.LogCaptureFixture, fault: str) -> None:
    caplog.set_level(logging.DEBUG)
    linear.api.faults.set(fault)
    async with client_of(linear.api.url, linear.clock, timeout="50ms") as client:
        text = told(await failing(client)) + told(await failing(client))
    assert "probing goes on" in caplog.text
    assert KEY not in text + caplog.text


async def test_faults_are_logged_once(linear: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "exporter.linear")
    linear.api.faults.set("down")
    for _ in range(5):
        await failing(linear.client)
        await linear.clock.advance(300)
    linear.api.faults.set("none")
    await linear.client.orphans(0)
    first, last = [record.message for record in caplog.records]
    assert first == "Linear: unreachable: no reply (ServerDisconnectedError); probing goes on"
    assert last == "Linear answers again"
