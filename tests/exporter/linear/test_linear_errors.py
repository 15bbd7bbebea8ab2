"""Linear client: settings, invalid responses, rate limit, backoff and clock skew."""

import asyncio
import itertools
import json
import math
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.httpclient.retry import Backoff, RateLimiter, RequestBudget, parse_http_date
from exporter.model.alert import create_run_id
from exporter.model.error_kind import ErrorKind
from exporter.observers.linear.clock_skew import UNKNOWN_SKEW, ClockSkew, ClockSkewEstimator
from exporter.observers.linear.issue import Issue, IssueKind, find_run_id, parse_issue, parse_page
from exporter.observers.linear.response import parse_response, parse_wait
from exporter.observers.linear.settings import LinearSettings, read_key
from slos.schema.units import Duration
from tests.exporter.fake_clock import FakeClock

KEY = "lin_api_planted5ecret"


def test_the_defaults_are_well_below_what_linear_allows() -> None:
    settings = LinearSettings(key_env="K")
    assert settings.url == "https://api.linear.app/graphql"
    assert settings.requests_per_hour == 600
    assert settings.timeout == Duration.from_parts(seconds=10)
    assert settings.page_size == 250


def test_a_key_file_is_read_without_newline(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    key = read_key(LinearSettings(key_file="key"), folder=tmp_path)
    assert key.get_secret_value() == KEY


def test_a_key_in_the_environment_is_read_when_asked_for() -> None:
    environ = {"LINEAR_API_KEY": KEY}
    settings = LinearSettings(key_env="LINEAR_API_KEY")
    assert read_key(settings, folder=Path(), environ=environ).get_secret_value() == KEY


def test_the_key_does_not_show_in_the_settings_or_in_its_own_text(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    settings = LinearSettings(key_file="key")
    key = read_key(settings, folder=tmp_path)
    assert KEY not in f"{settings!r} {settings} {key!r} {key}"


NOW = 1_700_000_000.0


def encode_error(*, message: str = "No", **extensions: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({"errors": [{"message": message, "extensions": extensions}]}).encode()


def parse_fault(status: int, body: bytes) -> ErrorKind | None:
    return parse_response(status, {}, body, wall=NOW).error_kind


def test_data_is_given_as_it_is_and_what_is_not_there_is_told_by_its_message() -> None:
    answer = parse_response(200, {}, b'{"data": {"issues": {}}}', wall=NOW)
    assert (answer.data, answer.error_kind) == ({"issues": {}}, None)
    body = encode_error(message="Entity not found: Issue", code="INPUT_ERROR", type="invalid input")
    answer = parse_response(200, {}, body, wall=NOW)
    assert (answer.not_found, answer.refused) == (True, True)
    assert not parse_response(200, {}, encode_error(code="INPUT_ERROR"), wall=NOW).not_found


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, encode_error(code="RATELIMITED"), ErrorKind.RATE_LIMITED),
        (200, encode_error(type="ratelimited"), ErrorKind.RATE_LIMITED),
        (429, b"slow down", ErrorKind.RATE_LIMITED),
        (401, encode_error(code="AUTHENTICATION_ERROR"), ErrorKind.UNAUTHORIZED),
        (400, encode_error(type="authentication error"), ErrorKind.UNAUTHORIZED),
        (401, b"", ErrorKind.UNAUTHORIZED),
        (403, b"<html>", ErrorKind.UNAUTHORIZED),
        (200, encode_error(type="forbidden"), ErrorKind.UNAUTHORIZED),
        (500, b"", ErrorKind.SERVER_ERROR),
        (502, b"<html>", ErrorKind.SERVER_ERROR),
        (200, encode_error(type="internal error"), ErrorKind.SERVER_ERROR),
        (200, encode_error(type="lock timeout"), ErrorKind.SERVER_ERROR),
        (400, encode_error(code="GRAPHQL_VALIDATION_FAILED"), ErrorKind.BAD_RESPONSE),
        (200, encode_error(code="INVALID_INPUT"), ErrorKind.BAD_RESPONSE),
        (200, b"<html>", ErrorKind.BAD_RESPONSE),
        (200, b"[]", ErrorKind.BAD_RESPONSE),
        (
            200,
            b'{"data": {"issues": {}}, "errors": [{"message": "m"}]}',
            ErrorKind.BAD_RESPONSE,
        ),
        (200, b'{"data": null}', ErrorKind.BAD_RESPONSE),
        (200, b'{"errors": "odd"}', ErrorKind.BAD_RESPONSE),
        (200, b'{"errors": ["odd"]}', ErrorKind.BAD_RESPONSE),
        (200, b"[" * 200_000, ErrorKind.BAD_RESPONSE),
        (302, b"", ErrorKind.BAD_RESPONSE),
        (404, b"", ErrorKind.BAD_RESPONSE),
    ],
    ids=lambda value: str(value)[:60],
)
def test_every_reply_has_one_fault(status: int, body: bytes, expected: ErrorKind) -> None:
    assert parse_fault(status, body) is expected


@pytest.mark.parametrize(
    ("path", "about"),
    [('["issue3", "success"]', "issue3"), ("[]", ""), ("[3]", ""), ('"issue3"', ""), ("null", "")],
)
@pytest.mark.parametrize("message", ["Entity not found: Issue", "Forbidden", "Whatever"])
def test_a_refusal_names_its_part(path: str, about: str, message: str) -> None:
    body = f'{{"errors": [null, {{"message": "{message}", "path": {path}}}]}}'
    assert parse_response(200, {}, body.encode(), wall=NOW).subject == about


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (encode_error(code="INVALID_INPUT"), True),
        (encode_error(type="forbidden"), True),
        (encode_error(code="AUTHENTICATION_ERROR"), False),
        (encode_error(code="RATELIMITED"), False),
        (encode_error(type="internal error"), False),
        (b"<html>", False),
    ],
)
def test_only_linear_refuses_one_question(body: bytes, *, refused: bool) -> None:
    assert parse_response(200, {}, body, wall=NOW).refused is refused


@given(status=st.integers(100, 599), body=st.binary(max_size=80))
def test_no_reply_whatsoever_raises_or_shows_its_text(status: int, body: bytes) -> None:
    answer = parse_response(status, {"Date": "never"}, b"{" + body, wall=NOW)
    assert answer.error_kind is not None
    assert answer.reason in (f"HTTP {status} without data", f"refused with HTTP {status}")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "999999"}, 3600),
        ({"Retry-After": formatdate(NOW + 90, usegmt=True)}, 90),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
        ({"X-RateLimit-Requests-Reset": "45"}, 45),
        ({"X-RateLimit-Requests-Reset": str(round((NOW + 600) * 1000))}, 600),
        ({"X-RateLimit-Requests-Reset": str(round(NOW + 600))}, 600),
        ({"X-RateLimit-Requests-Reset": str(round((NOW - 5) * 1000))}, 1),
        ({"X-RateLimit-Requests-Reset": "60", "X-RateLimit-Requests-Remaining": "0"}, 60),
        ({"X-RateLimit-Requests-Reset": "60", "X-RateLimit-Requests-Remaining": "7"}, None),
        ({"X-RateLimit-Complexity-Reset": "70", "X-RateLimit-Requests-Reset": "60"}, 70),
        ({"X-RateLimit-Endpoint-Requests-Reset": "30"}, 30),
        ({"Retry-After": "5", "X-RateLimit-Requests-Reset": "60"}, 5),
    ],
    ids=str,
)
def test_a_refusal_says_how_long(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_wait(headers, now=NOW) == seconds


@pytest.mark.parametrize("skew", [7200, -7200])
def test_a_reset_is_a_moment_on_the_clock_of_whoever_sent_it(skew: int) -> None:
    headers = {
        "Date": formatdate(NOW + skew, usegmt=True),
        "X-RateLimit-Requests-Reset": str(round((NOW + skew + 300) * 1000)),
    }
    answer = parse_response(400, headers, encode_error(code="RATELIMITED"), wall=NOW)
    assert answer.retry_after == 300


def test_a_date_that_cannot_be_read_is_none() -> None:
    assert parse_http_date(formatdate(NOW, usegmt=True)) == NOW
    assert parse_http_date("once upon a time") is None
    assert parse_http_date("") is None


OURS, OTHER = f"slo-probe-{'a' * 32}", f"slo-probe-{'b' * 32}"
SYNTHETIC = "[Alert] SloProbeSynthetic"


def build_node(**changed: object) -> dict[str, object]:
    return {
        "id": "i1",
        "title": SYNTHETIC,
        "description": f"**Correlation ID**: `{OURS}`",
        "createdAt": "2026-05-04T10:00:00.250Z",
        "archivedAt": None,
        **changed,
    }


@pytest.mark.parametrize(
    ("title", "description", "run"),
    [
        # The last correlation line names the run, however it is set.
        ("[Alert] Any", f"Text.\n\n**Correlation ID**: `{OURS}`", OURS),
        ("[Alert] Any", f"**Correlation ID:** {OURS}\n", OURS),
        ("[Alert] Any", f"* Correlation ID - **{OURS}**.", OURS),
        ("[Alert] Any", f"Sent by {OTHER}.\n\n**Correlation ID**: `{OURS}`", OURS),
        ("[Alert] Any", f"Correlation ID: {OTHER}, or\n\n**Correlation ID**: `{OURS}`", OURS),
        # Behind a converter, the text of the alert does.
        (SYNTHETIC, f"Sent to measure ({OURS}).\n\n**Correlation ID**: `7d4f-converter`", OURS),
        ("[Alert] DiskFull", f"Sent to measure ({OURS}).\n\n**Correlation ID**: `7d4f`", None),
        # Without one certain id an issue is not ours.
        (SYNTHETIC, "", None),
        (SYNTHETIC, "Nothing of ours.", None),
        (SYNTHETIC, f"Two runs, {OURS} and {OTHER}.", None),
        *((SYNTHETIC, f"**Correlation ID**: `{other}`", None)
          for other in (f"{OURS}0", f"my-{OURS}", OURS[:-1], OURS.upper())),
    ],
)  # fmt: skip
def test_an_issue_is_of_the_run_it_names(title: str, description: str, run: str | None) -> None:
    assert find_run_id(title, description) == run


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        (SYNTHETIC, IssueKind.ALERT),
        ("[Remediation Failed] SloProbeSynthetic", IssueKind.REMEDIATION_FAILED),
        ("Why did the probe fail?", None),  # what a person wrote is never ours, even with an id
        ("[Alert]ed", None),
        ("Re: [Alert] x", None),
    ],
)
def test_an_issue_is_read_with_its_kind_and_its_time(title: str, kind: IssueKind | None) -> None:
    skew, at = ClockSkew(7200.0, 0.5), 1777888800.25
    issue = parse_issue(build_node(title=title, archivedAt="2026-05-05T00:00:00.000Z"), skew)
    if kind is None:
        assert issue is None
        return
    assert issue == Issue("i1", OURS, kind, title, at, archived=True, skew=skew)
    assert issue is not None
    assert issue.created_at_local == at - 7200


@pytest.mark.parametrize(
    "changed",
    [
        {"id": None},
        {"id": ""},
        {"title": 1},
        {"createdAt": "yesterday"},
        {"createdAt": "2026-05-04T10:00:00"},
        {"createdAt": None},
    ],
    ids=str,
)
def test_a_node_that_is_not_what_was_asked_for_is_an_error(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        parse_issue(build_node(**changed), UNKNOWN_SKEW)


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"issues": None},
        {"issues": {"nodes": [None], "pageInfo": {"hasNextPage": False}}},
        {"issues": {"nodes": [], "pageInfo": {}}},
        {"issues": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}},
    ],
    ids=str,
)
def test_a_page_that_could_hide_issues_is_an_error(page: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        parse_page(page, UNKNOWN_SKEW)


@given(before=st.text(max_size=40), after=st.text(max_size=40))
def test_any_text_around_the_correlation_line_changes_nothing(before: str, after: str) -> None:
    run_id = create_run_id()
    description = f"{before}\n**Correlation ID**: `{run_id}`\n{after}"
    assert find_run_id(SYNTHETIC, description) == run_id


HOUR = 3600.0


class RecordingClock(FakeClock):
    """Remembers how long it was asked to sleep, and does not."""

    def __init__(self) -> None:
        super().__init__(now=0.0)
        self.slept = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept = seconds


async def compute_start_times(per_hour: int, gaps: list[float]) -> list[float]:
    """When requests that are asked for after these gaps may leave."""
    clock = RecordingClock()
    pace = RateLimiter(per_hour, clock=clock)
    times = []
    for gap in gaps:
        await clock.jump(gap)
        clock.slept = 0.0
        await pace.wait()
        times.append(clock.now() + clock.slept)
    return times


@given(
    per_hour=st.integers(10, 60),
    gaps=st.lists(st.floats(0, 500) | st.just(0.0), min_size=1, max_size=150),
)
@example(per_hour=10, gaps=[0.0] * 40)
@example(per_hour=60, gaps=[HOUR] + [0.0] * 130)
def test_in_no_hour_more_requests_leave_than_the_limit(per_hour: int, gaps: list[float]) -> None:
    times = asyncio.run(compute_start_times(per_hour, gaps))
    assert times == sorted(times)
    for start in times:
        assert sum(start <= time < start + HOUR for time in times) <= per_hour


def test_a_tenth_of_the_limit_leaves_at_once_and_the_rest_evenly() -> None:
    times = asyncio.run(compute_start_times(600, [0.0] * 63))
    assert times[:60] == pytest.approx([0.0] * 60, abs=1e-9)
    assert times[60:] == pytest.approx([HOUR / 540 * n for n in (1, 2, 3)])


async def test_requests_wait_for_their_turn_in_the_order_of_asking(clock: FakeClock) -> None:
    pace, left = RateLimiter(10, clock=clock), []

    async def ask(number: int) -> None:
        await pace.wait()
        left.append(number)

    asking = [asyncio.create_task(ask(number)) for number in range(3)]
    await clock.advance(0)
    assert left == [0]
    await clock.advance(400)
    assert left == [0, 1]
    await clock.advance(400)
    await asyncio.gather(*asking)
    assert left == [0, 1, 2]


async def test_requests_are_slower_while_the_budget_of_the_server_is_low(clock: FakeClock) -> None:
    pace = RateLimiter(36_000, clock=clock)

    async def send_five() -> list[float]:
        sent = []
        for _ in range(5):
            await pace.wait()
            sent.append(clock.now())
        return [after - before for before, after in itertools.pairwise(sent)]

    for budget, spacing in (
        (RequestBudget(1800, remaining=400), 0.0),
        (RequestBudget(1800, remaining=300), 4.0),
        (RequestBudget(1800, remaining=0), 4.0),
        (RequestBudget(1800, remaining=1800), 0.0),
    ):
        pace.adapt_to(budget)
        sending = asyncio.create_task(send_five())
        while not sending.done():
            await clock.advance(1)
        assert sending.result() == pytest.approx([spacing] * 4)


def test_a_limit_that_cannot_be_spread_is_refused(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="too few"):
        RateLimiter(9, clock=clock)


def test_waits_double_up_to_a_cap_and_start_over_after_a_success() -> None:
    backoff = Backoff(first=2, cap=30, random=lambda: 1.0)
    assert [backoff.record_failure() for _ in range(6)] == [2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.record_failure() == 2


@given(failures=st.integers(1, 2000), share=st.floats(0, 1, exclude_max=True))
def test_jitter_is_full_and_a_wait_never_above_the_cap(failures: int, share: float) -> None:
    backoff = Backoff(first=2, cap=300, random=lambda: share)
    waits = [backoff.record_failure() for _ in range(failures)]
    assert all(0 <= wait <= 300 for wait in waits)
    assert waits[0] == 2 * share


def test_nothing_is_known_of_a_clock_that_never_showed() -> None:
    assert ClockSkewEstimator().current == UNKNOWN_SKEW
    assert math.isinf(UNKNOWN_SKEW.uncertainty)


replies = st.lists(
    st.tuples(st.floats(0.1, 60), st.floats(0, 5), st.floats(0, 1)), min_size=1, max_size=30
)


@given(offset=st.floats(-90_000, 90_000), replies=replies)
def test_skew_within_uncertainty(offset: float, replies: list[tuple[float, float, float]]) -> None:
    """However long each reply takes, and wherever in between its date is written."""
    estimate, now, widths = ClockSkewEstimator(), 1.7e9, []
    for pause, round_trip, share in replies:
        sent = now + pause
        now = sent + round_trip
        date = formatdate(sent + share * round_trip + offset, usegmt=True)
        estimate.add(parsedate_to_datetime(date).timestamp(), sent=sent, received=now)
        skew = estimate.current
        assert abs(skew.offset - offset) <= skew.uncertainty + 1e-6
        widths.append(skew.uncertainty)
        assert skew.uncertainty <= 0.5 + round_trip / 2 + 1e-6


def test_many_replies_tell_more_than_the_whole_second_of_one() -> None:
    estimate = ClockSkewEstimator()
    for number in range(10):
        sent = 1000 + number * 30.1
        estimate.add(math.floor(sent + 0.01), sent=sent, received=sent + 0.02)
    assert estimate.current.uncertainty < 0.1


def test_a_clock_that_was_set_is_believed_at_once() -> None:
    estimate = ClockSkewEstimator()
    estimate.add(1000, sent=1000, received=1000)
    estimate.add(8210, sent=1010, received=1010)
    assert estimate.current.offset == pytest.approx(7200.5)
