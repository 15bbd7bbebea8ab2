"""Response of Linear: its data, or one of a closed set of errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

_HTTP_OK = 200
_HTTP_SERVER_ERROR = 500
_FORBIDDEN_CODES = ("FORBIDDEN", "forbidden")
_NOT_FOUND = "entity not found"
_SHORTEST_WAIT = 1.0
_LONGEST_WAIT = 3600.0
_LIMITS = ("requests", "complexity", "endpoint-requests")
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e11


class LinearErrorKind(StrEnum):
    """Kinds of Linear errors."""

    UNREACHABLE = "unreachable"
    """No HTTP response: connection refused, cut or too slow."""
    UNAUTHORIZED = "unauthorized"
    """The key was refused, or lacks a permission."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """Linear reports an error of its own."""
    BAD_RESPONSE = "bad_answer"
    """Any other response: a refused query, a redirect, a page instead of JSON."""


class LinearError(Exception):
    """Failed request to Linear.

    The text consists of our own words and numbers. Texts of the server, and of the HTTP library
    about the request, may hold the key.
    """

    def __init__(self, kind: LinearErrorKind, reason: str, *, retry_after: float = 0.0) -> None:
        super().__init__(f"Linear: {kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.retry_after = retry_after
        """Seconds until another request can succeed."""


_STATUS_KINDS = {
    401: LinearErrorKind.UNAUTHORIZED,
    403: LinearErrorKind.UNAUTHORIZED,
    429: LinearErrorKind.RATE_LIMITED,
}
_CODE_KINDS = {
    "RATELIMITED": LinearErrorKind.RATE_LIMITED,
    "ratelimited": LinearErrorKind.RATE_LIMITED,
    "AUTHENTICATION_ERROR": LinearErrorKind.UNAUTHORIZED,
    "authentication error": LinearErrorKind.UNAUTHORIZED,
    "FORBIDDEN": LinearErrorKind.UNAUTHORIZED,
    "forbidden": LinearErrorKind.UNAUTHORIZED,
    "INTERNAL_SERVER_ERROR": LinearErrorKind.SERVER_ERROR,
    "internal error": LinearErrorKind.SERVER_ERROR,
    "network error": LinearErrorKind.SERVER_ERROR,
    "lock timeout": LinearErrorKind.SERVER_ERROR,
}
"""By `extensions.code` and `extensions.type` of an error."""


@dataclass(frozen=True, slots=True)
class LinearResponse:
    """Result of one request."""

    data: dict[str, Any] = field(default_factory=dict, repr=False)
    error_kind: LinearErrorKind | None = None
    reason: str = ""
    """The error in our own words; never text from outside."""
    retry_after: float | None = None
    """Seconds to wait, as asked for by the response; None when it does not ask."""
    refused: bool = False
    """True if Linear works and refuses only this request; others may succeed."""
    not_found: bool = False
    """True if the request is refused because its object does not exist."""
    subject: str = ""
    """Part of the request that was refused; empty when the response does not say."""


def parse_response(
    status: int, headers: Mapping[str, str], body: bytes, *, wall: float
) -> LinearResponse:
    """Parse a response.

    Args:
        status: HTTP status.
        headers: headers, in any case.
        body: the body.
        wall: our wall clock, for times in headers when the response has no `Date`.
    """
    content = _parse_object(body) or {}
    if content.get("errors"):
        response = _classify_errors(content["errors"], status)
    elif status == _HTTP_OK and isinstance(content.get("data"), dict):
        return LinearResponse(content["data"])
    else:
        response = LinearResponse(
            error_kind=_classify_status(status), reason=f"HTTP {status} without data"
        )
    if response.error_kind not in (LinearErrorKind.RATE_LIMITED, LinearErrorKind.SERVER_ERROR):
        return response
    server_time = parse_date_header(headers)
    return replace(
        response, retry_after=parse_wait(headers, now=wall if server_time is None else server_time)
    )


def parse_date_header(headers: Mapping[str, str]) -> float | None:
    """Parse the `Date` of a response as seconds since 1970; None if absent or not readable."""
    return _parse_date(_lower_names(headers).get("date", ""))


def parse_wait(headers: Mapping[str, str], *, now: float) -> float | None:
    """Parse the seconds to wait: `Retry-After`, else the reset of an exhausted limit.

    A reset is a time on the sender's clock (Linear: milliseconds since 1970; seconds are read as
    well) or a number of seconds from now.

    Args:
        headers: of the response.
        now: seconds since 1970 on the sender's clock.
    """
    lower_headers = _lower_names(headers)
    wait = _parse_seconds(lower_headers.get("retry-after", ""), now)
    if wait is None:
        resets = [_parse_limit_reset(lower_headers, limit, now) for limit in _LIMITS]
        wait = max((reset for reset in resets if reset is not None), default=None)
    return None if wait is None else min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT)


def _lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _parse_limit_reset(headers: Mapping[str, str], limit: str, now: float) -> float | None:
    """Parse the seconds until an exhausted limit resets; None if the limit is not exhausted."""
    if headers.get(f"x-ratelimit-{limit}-remaining", "0").strip() != "0":
        return None
    return _parse_seconds(headers.get(f"x-ratelimit-{limit}-reset", ""), now)


def _parse_seconds(text: str, now: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        moment = _parse_date(text)
        return None if moment is None else moment - now
    if not 0 <= value < float("inf"):
        return None
    if value >= _EPOCH_MILLISECONDS:
        return value / 1000 - now
    return value - now if value >= _EPOCH_SECONDS else value


def _parse_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _parse_object(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _classify_errors(errors: object, status: int) -> LinearResponse:
    """Classify a list of errors by the first known one."""
    reason = f"refused with HTTP {status}"
    described = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    known = (response for error in described if (response := _classify_error(error, reason)))
    error_kind = _classify_status(status)
    fallback = LinearResponse(
        error_kind=error_kind,
        reason=reason,
        refused=error_kind is LinearErrorKind.BAD_RESPONSE,
        subject=_get_subject(described[0]) if described else "",
    )
    return next(known, fallback)


def _classify_error(error: Mapping[str, Any], reason: str) -> LinearResponse | None:
    """Classify an error; None if it is unknown."""
    subject = _get_subject(error)
    if str(error.get("message", "")).lower().startswith(_NOT_FOUND):
        error_kind = LinearErrorKind.BAD_RESPONSE
        return LinearResponse(
            error_kind=error_kind, reason=reason, refused=True, not_found=True, subject=subject
        )
    code = next(
        (word for word in _list_error_codes(error.get("extensions")) if word in _CODE_KINDS), None
    )
    if code is None:
        return None
    error_kind, refused = _CODE_KINDS[code], code in _FORBIDDEN_CODES
    return LinearResponse(error_kind=error_kind, reason=reason, refused=refused, subject=subject)


def _get_subject(error: Mapping[str, Any]) -> str:
    """Return the part of the request that an error is about: the first step of its path."""
    path = error.get("path")
    return path[0] if isinstance(path, list) and path and isinstance(path[0], str) else ""


def _list_error_codes(extensions: object) -> list[str]:
    """List the code and the type of an error."""
    if not isinstance(extensions, dict):
        return []
    return [str(extensions.get(name)) for name in ("code", "type")]


def _classify_status(status: int) -> LinearErrorKind:
    fallback = LinearErrorKind.BAD_RESPONSE
    if status >= _HTTP_SERVER_ERROR:
        fallback = LinearErrorKind.SERVER_ERROR
    return _STATUS_KINDS.get(status, fallback)
