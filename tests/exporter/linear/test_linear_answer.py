"""What replies mean: the body first, then the status, then how long to stay away."""

import json
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.linear.answer import date, read, told_to_wait
from exporter.linear.fault import LinearFault

NOW = 1_700_000_000.0


def errors(*, message: str = "No", **extensions: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({"errors": [{"message": message, "extensions": extensions}]}).encode()


def fault(status: int, body: bytes) -> LinearFault | None:
    return read(status, {}, body, wall=NOW).fault


def test_data_is_given_as_it_is() -> None:
    answer = read(200, {}, b'{"data": {"issues": {}}}', wall=NOW)
    assert (answer.data, answer.fault) == ({"issues": {}}, None)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, errors(code="RATELIMITED"), LinearFault.RATE_LIMITED),
        (200, errors(type="ratelimited"), LinearFault.RATE_LIMITED),
        (429, b"slow down", LinearFault.RATE_LIMITED),
        (401, errors(code="AUTHENTICATION_ERROR"), LinearFault.UNAUTHORIZED),
        (400, errors(type="authentication error"), LinearFault.UNAUTHORIZED),
        (401, b"", LinearFault.UNAUTHORIZED),
        (403, b"<html>", LinearFault.UNAUTHORIZED),
        (200, errors(type="forbidden"), LinearFault.UNAUTHORIZED),
        (500, b"", LinearFault.SERVER_ERROR),
        (502, b"<html>", LinearFault.SERVER_ERROR),
        (200, errors(type="internal error"), LinearFault.SERVER_ERROR),
        (200, errors(type="lock timeout"), LinearFault.SERVER_ERROR),
        (400, errors(code="GRAPHQL_VALIDATION_FAILED"), LinearFault.BAD_ANSWER),
        (200, errors(code="INVALID_INPUT"), LinearFault.BAD_ANSWER),
        (200, b"<html>", LinearFault.BAD_ANSWER),
        (200, b"[]", LinearFault.BAD_ANSWER),
        (200, b'{"data": null}', LinearFault.BAD_ANSWER),
        (200, b'{"errors": "odd"}', LinearFault.BAD_ANSWER),
        (200, b'{"errors": ["odd"]}', LinearFault.BAD_ANSWER),
        (200, b"[" * 200_000, LinearFault.BAD_ANSWER),
        (302, b"", LinearFault.BAD_ANSWER),
        (404, b"", LinearFault.BAD_ANSWER),
    ],
    ids=lambda value: str(value)[:60],
)
def test_every_reply_has_one_fault(status: int, body: bytes, expected: LinearFault) -> None:
    assert fault(status, body) is expected


def test_partial_data_beside_errors_is_no_answer() -> None:
    body = b'{"data": {"issues": {"nodes": []}}, "errors": [{"message": "Some failed"}]}'
    assert fault(200, body) is LinearFault.BAD_ANSWER


def test_what_is_not_there_is_told_by_its_message_alone() -> None:
    body = errors(message="Entity not found: Issue", code="INPUT_ERROR", type="invalid input")
    answer = read(200, {}, body, wall=NOW)
    assert answer.not_found
    assert answer.refused
    assert not read(200, {}, errors(code="INPUT_ERROR"), wall=NOW).not_found


@pytest.mark.parametrize(
    ("path", "about"),
    [('["issue3", "success"]', "issue3"), ("[]", ""), ("[3]", ""), ('"issue3"', ""), ("null", "")],
)
@pytest.mark.parametrize("message", ["Entity not found: Issue", "Forbidden", "Whatever"])
def test_a_refusal_names_its_part(path: str, about: str, message: str) -> None:
    body = f'{{"errors": [null, {{"message": "{message}", "path": {path}}}]}}'
    assert read(200, {}, body.encode(), wall=NOW).about == about


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (errors(code="INVALID_INPUT"), True),
        (errors(type="forbidden"), True),
        (errors(code="AUTHENTICATION_ERROR"), False),
        (errors(code="RATELIMITED"), False),
        (errors(type="internal error"), False),
        (b"<html>", False),
    ],
)
def test_only_linear_refuses_one_question(body: bytes, *, refused: bool) -> None:
    assert read(200, {}, body, wall=NOW).refused is refused


@given(status=st.integers(100, 599), body=st.binary(max_size=80))
def test_no_reply_whatsoever_raises_or_shows_its_text(status: int, body: bytes) -> None:
    answer = read(status, {"Date": "never"}, b"{" + body, wall=NOW)
    assert answer.fault is not None
    assert answer.reason in (f"HTTP {status} without data", f"refused with HTTP {status}")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"retry-after": "1.5"}, 1.5),
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
    assert told_to_wait(headers, now=NOW) == seconds


@pytest.mark.parametrize("skew", [7200, -7200])
def test_a_reset_is_a_moment_on_the_clock_of_whoever_sent_it(skew: int) -> None:
    headers = {
        "Date": formatdate(NOW + skew, usegmt=True),
        "X-RateLimit-Requests-Reset": str(round((NOW + skew + 300) * 1000)),
    }
    answer = read(400, headers, errors(code="RATELIMITED"), wall=NOW)
    assert answer.wait == 300


def test_a_date_that_cannot_be_read_is_none() -> None:
    assert date({"Date": formatdate(NOW, usegmt=True)}) == NOW
    assert date({"Date": "once upon a time"}) is None
    assert date({}) is None
