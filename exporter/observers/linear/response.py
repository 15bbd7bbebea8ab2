"""Response of Linear: its data, or an error of one kind."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.httpclient.errors import classify_status
from exporter.httpclient.retry import RequestBudget, parse_http_date, parse_retry_after
from exporter.model.error_kind import ErrorKind

_HTTP_OK = 200
_FORBIDDEN_CODES = ("FORBIDDEN", "forbidden")
_NOT_FOUND = "entity not found"
_SHORTEST_WAIT = 1.0
_LONGEST_WAIT = 3600.0
_LIMITS = ("Requests", "Complexity", "Endpoint-Requests")
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e11


_CODE_KINDS = {
    "RATELIMITED": ErrorKind.RATE_LIMITED,
    "ratelimited": ErrorKind.RATE_LIMITED,
    "AUTHENTICATION_ERROR": ErrorKind.UNAUTHORIZED,
    "authentication error": ErrorKind.UNAUTHORIZED,
    "FORBIDDEN": ErrorKind.UNAUTHORIZED,
    "forbidden": ErrorKind.UNAUTHORIZED,
    "INTERNAL_SERVER_ERROR": ErrorKind.SERVER_ERROR,
    "internal error": ErrorKind.SERVER_ERROR,
    "network error": ErrorKind.SERVER_ERROR,
    "lock timeout": ErrorKind.SERVER_ERROR,
}
"""By `extensions.code` and `extensions.type` of an error."""


@dataclass(frozen=True, slots=True)
class LinearResponse:
    """Result of one request."""

    data: dict[str, Any] = field(default_factory=dict, repr=False)
    error_kind: ErrorKind | None = None
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
    budget: RequestBudget | None = None
    """Requests that remain, as far as the response says."""


def parse_response(
    status: int, headers: Mapping[str, str], body: bytes, *, wall: float
) -> LinearResponse:
    """Parse a response.

    Args:
        status: HTTP status.
        headers: headers of the response.
        body: the body.
        wall: our wall clock, for times in headers when the response has no `Date`.
    """
    response = _parse_content(status, headers, body, wall=wall)
    return replace(response, budget=_parse_budget(headers))


def _parse_budget(headers: Mapping[str, str]) -> RequestBudget | None:
    """Parse the headers of the limit of requests; None without a limit."""
    texts = [headers.get(f"X-RateLimit-Requests-{name}", "") for name in ("Limit", "Remaining")]
    if not all(text.isascii() and text.isdigit() for text in texts):
        return None
    limit, remaining = map(int, texts)
    return RequestBudget(limit, remaining) if limit else None


def _parse_content(
    status: int, headers: Mapping[str, str], body: bytes, *, wall: float
) -> LinearResponse:
    content = _parse_object(body) or {}
    if content.get("errors"):
        response = _classify_errors(content["errors"], status)
    elif status == _HTTP_OK and isinstance(content.get("data"), dict):
        return LinearResponse(content["data"])
    else:
        response = LinearResponse(
            error_kind=_classify_failed_status(status), reason=f"HTTP {status} without data"
        )
    if response.error_kind not in (ErrorKind.RATE_LIMITED, ErrorKind.SERVER_ERROR):
        return response
    server_time = parse_http_date(headers.get("Date", ""))
    return replace(
        response, retry_after=parse_wait(headers, now=wall if server_time is None else server_time)
    )


def parse_wait(headers: Mapping[str, str], *, now: float) -> float | None:
    """Parse the seconds to wait: `Retry-After`, else the reset of an exhausted limit.

    A reset is a time on the sender's clock (Linear: milliseconds since 1970; seconds are read as
    well) or a number of seconds from now.

    Args:
        headers: of the response.
        now: seconds since 1970 on the sender's clock.
    """
    wait = parse_retry_after(headers, now=now)
    if wait is None:
        resets = [_parse_limit_reset(headers, limit, now) for limit in _LIMITS]
        wait = max((reset for reset in resets if reset is not None), default=None)
    return None if wait is None else min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT)


def _parse_limit_reset(headers: Mapping[str, str], limit: str, now: float) -> float | None:
    """Parse the seconds until an exhausted limit resets; None if the limit is not exhausted."""
    if headers.get(f"X-RateLimit-{limit}-Remaining", "0").strip() != "0":
        return None
    try:
        value = float(headers.get(f"X-RateLimit-{limit}-Reset", ""))
    except ValueError:
        return None
    if not 0 <= value < float("inf"):
        return None
    if value >= _EPOCH_MILLISECONDS:
        return value / 1000 - now
    return value - now if value >= _EPOCH_SECONDS else value


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
    error_kind = _classify_failed_status(status)
    fallback = LinearResponse(
        error_kind=error_kind,
        reason=reason,
        refused=error_kind is ErrorKind.BAD_RESPONSE,
        subject=_get_subject(described[0]) if described else "",
    )
    return next(known, fallback)


def _classify_error(error: Mapping[str, Any], reason: str) -> LinearResponse | None:
    """Classify an error; None if it is unknown."""
    subject = _get_subject(error)
    if str(error.get("message", "")).lower().startswith(_NOT_FOUND):
        error_kind = ErrorKind.BAD_RESPONSE
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


def _classify_failed_status(status: int) -> ErrorKind:
    """Classify the status of a response without data; a 2xx is a bad response then."""
    return classify_status(status) or ErrorKind.BAD_RESPONSE
