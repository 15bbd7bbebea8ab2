"""Linear poller: queries about runs, intervals, missing issues and errors."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.errors import RequestError
from exporter.httpclient.retry import Backoff, CircuitBreaker
from exporter.model.alert import create_run_id
from exporter.model.bounds import Bounds
from exporter.model.error_kind import ErrorKind
from exporter.observers.linear.client import LinearClient
from exporter.observers.linear.clock_skew import UNKNOWN_SKEW, ClockSkew
from exporter.observers.linear.issue import Issue, IssueKind
from exporter.observers.linear.poller import (
    IssueFound,
    IssueNotFound,
    IssuePoller,
    IssueQuery,
    IssueUnknown,
    _measure_creation,
)
from exporter.simulator.linear.settings import Settings
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.linear.conftest import KEY, LinearHarness, open_test_client, run_linear

FAILED = "[Remediation Failed] SloProbeSynthetic"


def build_query(linear: LinearHarness, run_id: str, *, seconds: float = 60) -> IssueQuery:
    """A question about an event that is meant to leave now."""
    now = linear.clock.wall()
    return IssueQuery(run_id, now, now + seconds)


async def poll_single_issue(watch: IssuePoller) -> IssueFound:
    """The one finding, which is a find."""
    (found,) = await watch.poll()
    assert isinstance(found, IssueFound)
    return found


async def test_an_issue_is_found_with_its_time_and_only_once(linear: LinearHarness) -> None:
    watch, run_id = IssuePoller(linear.client), create_run_id()
    watch.add_query(build_query(linear, run_id))
    await linear.clock.advance(3)
    assert await watch.poll() == []
    linear.open(run_id)
    await linear.clock.advance(30)
    found = await poll_single_issue(watch)
    assert found.creation is not None
    assert found.creation.is_certain
    assert found.creation.high == pytest.approx(3, abs=0.5)
    assert found.run_id == run_id
    assert (await watch.poll(), len(watch)) == ([], 0)


async def test_duplicates_within_the_linger_are_counted(linear: LinearHarness) -> None:
    watch, run_id = IssuePoller(linear.client, linger=30), create_run_id()
    watch.add_query(build_query(linear, run_id))
    linear.open(run_id)
    assert await watch.poll() == []
    for title in ("[Alert] SloProbeSynthetic", FAILED, "[Alert] SloProbeSynthetic"):
        await linear.clock.advance(10)
        linear.open(run_id, title=title)
    found = await poll_single_issue(watch)
    assert len(found.issues) == 4
    assert found.creation == Bounds.exactly(0.0)  # it was found at the time of the send


async def test_only_a_failed_remediation_is_found_without_a_time(linear: LinearHarness) -> None:
    watch, run_id = IssuePoller(linear.client), create_run_id()
    watch.add_query(build_query(linear, run_id))
    linear.open(run_id, title=FAILED)
    assert await watch.poll() == []
    await linear.clock.advance(60)
    found = await poll_single_issue(watch)
    assert found.creation is None
    assert [issue.kind for issue in found.issues] == [IssueKind.REMEDIATION_FAILED]


async def test_an_issue_that_is_not_there_after_the_deadline_was_not_found(
    linear: LinearHarness,
) -> None:
    watch, run_id = IssuePoller(linear.client), create_run_id()
    watch.add_query(build_query(linear, run_id, seconds=60))
    await linear.clock.advance(59)
    assert await watch.poll() == []
    await linear.clock.advance(1)
    assert await watch.poll() == [IssueNotFound(run_id)]


async def test_an_issue_that_searches_see_late_is_still_found(clock: FakeClock) -> None:
    async with run_linear(clock, "lag:20") as slow:
        watch, run_id = IssuePoller(slow.client), create_run_id()
        watch.add_query(build_query(slow, run_id))
        slow.open(run_id)
        assert await watch.poll() == []
        await clock.advance(20)
        found = await poll_single_issue(watch)
        assert found.creation is not None
        assert found.creation.low == 0


async def test_a_question_too_many_makes_the_oldest_unknown(linear: LinearHarness) -> None:
    watch, runs = IssuePoller(linear.client, limit=2), [create_run_id() for _ in range(3)]
    for run_id in runs:
        watch.add_query(build_query(linear, run_id))
    assert await watch.poll() == [IssueUnknown(runs[0], None)]
    assert len(watch) == 2


async def test_a_run_that_is_asked_about_twice_is_one_question(linear: LinearHarness) -> None:
    watch, run_id = IssuePoller(linear.client), create_run_id()
    for _ in range(2):
        watch.add_query(build_query(linear, run_id))
    linear.open(run_id)
    assert len(await watch.poll()) == 1


class ScriptedSource:
    """A source that says what a test has it say, or fails."""

    def __init__(self, clock: FakeClock, answers: list[list[Issue] | ErrorKind]) -> None:
        self._clock = clock
        self._answers = answers

    def wall(self) -> float:
        return self._clock.wall()

    async def find_issues(
        self, ids: Iterable[str], *, since: float, aliases: Mapping[str, str]
    ) -> Mapping[str, list[Issue]]:
        del since, aliases
        answer = self._answers.pop(0)
        if isinstance(answer, ErrorKind):
            raise RequestError("Linear", answer, "told so")
        return {run_id: [i for i in answer if i.run_id == run_id] for run_id in ids}


def build_issue(created_at: float, skew: ClockSkew) -> Issue:
    title = "[Alert] SloProbeSynthetic"
    return Issue("i", "r", IssueKind.ALERT, title, created_at, archived=False, skew=skew)


@pytest.mark.parametrize(
    ("created", "skew", "expected"),
    [
        (2.0, ClockSkew(0.0, 0.5), Bounds(2.0, 2.0)),
        (0.3, ClockSkew(0.0, 0.5), Bounds(0.0, 0.8)),
        (-0.3, ClockSkew(0.0, 0.5), Bounds(0.0, 0.2)),
        (4.0, ClockSkew(0.0, 3.0), Bounds(1.0, 7.0)),
        (28.0, ClockSkew(0.0, 3.0), Bounds(25.0, 30.0)),
        (-6.0, ClockSkew(0.0, 0.5), Bounds(0.0, 30.0)),
        (1.0, UNKNOWN_SKEW, Bounds(0.0, 30.0)),
    ],
)
async def test_a_time_that_clock_skew_may_make_negative_has_bounds(
    clock: FakeClock, created: float, skew: ClockSkew, expected: Bounds
) -> None:
    """The issue is found 30 s after the send."""
    sent_at = clock.wall() - 30.0
    watch = IssuePoller(ScriptedSource(clock, [[build_issue(sent_at + created, skew)]]))
    watch.add_query(IssueQuery("r", sent_at, sent_at + 120.0))
    found = await poll_single_issue(watch)
    assert found.creation is not None
    assert (found.creation.low, found.creation.high) == pytest.approx(
        (expected.low, expected.high), abs=1e-5
    )


seconds = st.floats(0, 60)


@given(seconds, seconds, st.floats(-3600, 3600), st.floats(-1, 1), st.floats(0.05, 5))
def test_bounds_of_a_creation_contain_the_truth(
    created: float, found: float, offset: float, error: float, uncertainty: float
) -> None:
    """Linear's clock is ahead by `offset`; the estimate is wrong by a share of its uncertainty."""
    sent_at, seen_after = 1_000.0, max(created, found)
    skew = ClockSkew(offset + error * uncertainty, uncertainty)
    issue = build_issue(sent_at + created + offset, skew)
    bounds = _measure_creation(issue, sent_at, seen_after)
    assert bounds is not None
    tolerance = uncertainty if bounds.low == bounds.high else 0.0
    assert bounds.low >= 0
    assert bounds.low - tolerance - 1e-6 <= created <= bounds.high + tolerance + 1e-6


answers = st.sampled_from([*ErrorKind, "issue", "nothing"])


@given(st.lists(answers, min_size=1, max_size=20), st.integers(0, 90), st.integers(0, 90))
def test_findings_by_the_rules(told: list[ErrorKind | str], linger: int, patience: int) -> None:
    """Polls 10 s apart; the deadline is at 50 s."""
    findings = asyncio.run(poll_source(told, linger, patience))
    assert findings == list(compute_expected(told, linger, patience))[:1]


def compute_expected(
    told: list[ErrorKind | str], linger: int, patience: int
) -> Iterator[tuple[int, type, ErrorKind | None]]:
    """When what may be said, from the rules: at which poll, which finding, with which fault."""
    for number, answer in enumerate(told):
        fault = answer if isinstance(answer, ErrorKind) else None
        seen = [at for at in range(number + 1) if told[at] == "issue"]
        if seen:
            if number * 10 >= seen[0] * 10 + linger:
                yield number, IssueFound, None
        elif fault and number * 10 >= 50 + patience:
            yield number, IssueUnknown, fault
        elif answer == "nothing" and number * 10 >= 50:
            yield number, IssueNotFound, None


async def poll_source(
    told: list[ErrorKind | str], linger: int, patience: int
) -> list[tuple[int, type, ErrorKind | None]]:
    clock = FakeClock()
    known = [build_issue(clock.wall() + 1, ClockSkew(0.0, 0.1))]
    said: list[list[Issue] | ErrorKind] = [
        each if isinstance(each, ErrorKind) else known if each == "issue" else [] for each in told
    ]
    watch = IssuePoller(ScriptedSource(clock, said), linger=linger, patience=patience)
    watch.add_query(IssueQuery("r", clock.wall(), clock.wall() + 50))
    found = []
    for number in range(len(told)):
        found += [(number, type(f), getattr(f, "error_kind", None)) for f in await watch.poll()]
        await clock.jump(10)
    return found


async def get_request_error(client: LinearClient) -> RequestError:
    """The error of a question that must fail."""
    with pytest.raises(RequestError) as failed:
        await client.list_orphans(0)
    return failed.value


async def test_retry_after_is_kept_to_the_second(linear: LinearHarness) -> None:
    linear.api.faults.set("ratelimited:120")
    assert (await get_request_error(linear.client)).retry_after == 120
    linear.api.faults.set("none")
    await linear.clock.advance(119.9)
    error = await get_request_error(linear.client)
    assert (error.kind, linear.api.counters.requests) == (ErrorKind.RATE_LIMITED, 1)
    assert error.retry_after == pytest.approx(0.1)
    await linear.clock.advance(0.2)
    assert await linear.client.list_orphans(0) == []
    assert linear.failures == [ErrorKind.RATE_LIMITED]


@pytest.mark.parametrize("skew", [7200, 0, -7200])
async def test_a_used_up_limit_is_left_alone_until_it_resets(clock: FakeClock, skew: int) -> None:
    limited = Settings(key=KEY, requests_per_hour=3)
    async with run_linear(clock, f"skew:{skew}", api=limited) as small:
        assert small.api.handlers._requests.take(3, now=clock.now()), "others use it up"
        error = await get_request_error(small.client)
        assert error.kind is ErrorKind.RATE_LIMITED
        assert error.retry_after == pytest.approx(3600, abs=1)
        assert error.retry_after is not None
        await clock.advance(error.retry_after + 1)
        assert await small.client.list_orphans(0) == []
        assert small.api.counters.rate_limited == 1


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ("down", ErrorKind.UNREACHABLE),
        ("error", ErrorKind.SERVER_ERROR),
        ("garbage", ErrorKind.BAD_RESPONSE),
    ],
)
async def test_waits_double_up_to_a_cap(
    linear: LinearHarness, faults: str, expected: ErrorKind
) -> None:
    linear.api.faults.set(faults)
    for wait in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        error = await get_request_error(linear.client)
        assert (error.kind, error.retry_after) == (expected, wait)
        await linear.clock.advance(wait)
    linear.api.faults.set("none")
    await linear.client.list_orphans(0)
    assert linear.client.error_kind is None
    linear.api.faults.set(faults)
    assert (await get_request_error(linear.client)).retry_after == 2


@pytest.mark.parametrize(
    ("flag", "fault", "most"),
    [("down", ErrorKind.UNREACHABLE, 24), ("unauthorized", ErrorKind.UNAUTHORIZED, 12)],
)
async def test_an_hour_of_questions_costs_few_requests(
    linear: LinearHarness, flag: str, fault: ErrorKind, most: int
) -> None:
    linear.api.faults.set(flag)
    for _ in range(720):
        assert (await get_request_error(linear.client)).kind is fault
        await linear.clock.advance(5)
    assert 12 <= linear.api.counters.requests <= most
    assert len(linear.failures) == linear.api.counters.requests


async def test_a_changed_key_is_taken_up(clock: FakeClock) -> None:
    keys = iter(["lin_api_old", KEY])
    async with run_linear(clock) as server:
        url = server.api.url
        async with open_test_client(url, clock, read_key=lambda: SecretStr(next(keys))) as client:
            await get_request_error(client)
            await clock.advance(300)
            assert await client.list_orphans(0) == []


async def test_a_key_that_is_gone_is_an_unauthorized_client_until_it_is_back(
    linear: LinearHarness,
) -> None:
    keys: list[SecretStr] = [SecretStr("lin_api_old")]

    def read() -> SecretStr:
        if not keys:
            raise CredentialsError("key_file", "key is empty")
        return keys.pop()

    async with open_test_client(linear.api.url, linear.clock, read_key=read) as client:
        for _ in range(3):
            assert (await get_request_error(client)).kind is ErrorKind.UNAUTHORIZED
            await linear.clock.advance(300)
        assert linear.api.counters.requests == 1
        keys.append(SecretStr(KEY))
        assert await client.list_orphans(0) == []


async def test_without_a_key_there_is_no_client(clock: FakeClock) -> None:
    def read() -> SecretStr:
        raise CredentialsError("key_file", "key is empty")

    with pytest.raises(CredentialsError):
        async with open_test_client("http://127.0.0.1:9/", clock, read_key=read):
            raise AssertionError


async def test_an_answer_that_takes_too_long_is_given_up(linear: LinearHarness) -> None:
    linear.api.faults.set("slow:5")  # on a clock that stands still
    async with open_test_client(linear.api.url, linear.clock, timeout="50ms") as client:
        error = await get_request_error(client)
    assert error.kind is ErrorKind.UNREACHABLE
    assert "no response in time" in str(error)


async def test_a_forbidden_archiving_stops_no_search(linear: LinearHarness) -> None:
    issue_id = linear.write("[Alert] x", "")
    linear.api.faults.set("forbidden")
    assert await linear.client.archive_issues([issue_id]) == [issue_id]
    assert linear.failures == [ErrorKind.UNAUTHORIZED]
    assert await linear.client.list_orphans(0) == []


async def test_a_refused_search_is_not_repeated_at_once(serving: Serve, clock: FakeClock) -> None:
    asked = []

    async def refuse(_: web.Request) -> web.Response:
        asked.append(1)
        body = {"errors": [{"message": "Forbidden", "extensions": {"type": "forbidden"}}]}
        return web.json_response(body)

    async with open_test_client(await serving(build_app(refuse)), clock) as client:
        for _ in range(5):
            assert (await get_request_error(client)).kind is ErrorKind.UNAUTHORIZED
            await clock.advance(50)
    assert len(asked) == 1


async def test_an_answer_that_was_on_its_way_does_not_end_a_wait(clock: FakeClock) -> None:
    gate: CircuitBreaker = CircuitBreaker(
        Backoff(first=1, cap=1),
        clock=clock,
        server="Linear",
        waits={},
        on_error=lambda _: None,
    )
    gate.record_failure(ErrorKind.RATE_LIMITED, "told so", retry_after=60)
    gate.record_success()
    with pytest.raises(RequestError):
        gate.raise_if_open()
    await clock.advance(60)
    gate.raise_if_open()


async def echo_request(request: web.Request) -> web.Response:
    """A proxy that repeats what it was sent, as some do when they are confused."""
    text = f"bad header {request.headers['Authorization']}"
    return web.json_response({"errors": [{"message": text, "extensions": {"code": text}}]})


async def break_off_response(request: web.Request) -> web.StreamResponse:
    """Announces more than it sends."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.abort()
    return response


async def redirect_request(_: web.Request) -> web.Response:
    return web.Response(status=307, headers={"Location": "/trap"})


def build_app(answer: Callable[[web.Request], object]) -> web.Application:
    app = web.Application()
    app.router.add_post("/", answer)  # type: ignore[arg-type]
    return app


def format_error_chain(error: BaseException | None) -> str:
    """Everything an error and those behind it could show."""
    texts = []
    while error is not None:
        texts += [repr(error), str(error), *traceback.format_exception(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@pytest.mark.parametrize("answer", [echo_request, break_off_response, redirect_request])
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

    app = build_app(answer)
    app.router.add_post("/trap", trap)
    async with open_test_client(await serving(app), clock) as client:
        text = (
            format_error_chain(await get_request_error(client)) + repr(client) + repr(vars(client))
        )
    assert KEY not in text + caplog.text
    assert trapped == []


@pytest.mark.parametrize(
    "fault", ["down", "error", "garbage", "unauthorized", "ratelimited:9", "slow:5"]
)
async def test_key_in_no_text(
    linear: LinearHarness, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    linear.api.faults.set(fault)
    async with open_test_client(linear.api.url, linear.clock, timeout="50ms") as client:
        text = format_error_chain(await get_request_error(client)) + format_error_chain(
            await get_request_error(client)
        )
    assert "probing continues" in caplog.text
    assert KEY not in text + caplog.text


async def test_faults_are_logged_once(
    linear: LinearHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "exporter.httpclient.retry")
    linear.api.faults.set("down")
    for _ in range(5):
        await get_request_error(linear.client)
        await linear.clock.advance(300)
    linear.api.faults.set("none")
    await linear.client.list_orphans(0)
    first, last = [record.message for record in caplog.records]
    assert first == "Linear: unreachable: the connection was closed; probing continues"
    assert last == "Linear responds again"
