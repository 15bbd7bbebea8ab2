"""Reply to data or error."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

_HTTP_OK = 200
_HTTP_SERVER_ERROR = 500
_FORBIDDEN = ("FORBIDDEN", "forbidden")
_NOT_FOUND = "entity not found"
_SHORTEST_WAIT = 1.0
_LONGEST_WAIT = 3600.0
_LIMITS = ("requests", "complexity", "endpoint-requests")
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e11


class LinearFault(StrEnum):
    """Kinds of Linear errors."""

    UNREACHABLE = "unreachable"
    """No HTTP response: connection refused, cut or too slow."""
    UNAUTHORIZED = "unauthorized"
    """The key was refused, or lacks a permission."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """Linear reports an error of its own."""
    BAD_ANSWER = "bad_answer"
    """Any other response: a refused query, a redirect, a page instead of JSON."""


class LinearError(Exception):
    """Failed request to Linear.

    The text consists of our own words and numbers. Texts of the server, and of the HTTP library
    about the request, may hold the key.
    """

    def __init__(self, fault: LinearFault, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(f"Linear: {fault}: {reason}")
        self.fault = fault
        self.reason = reason
        self.wait = wait
        """Seconds until another request can succeed."""


_HTTP_FAULTS = {
    401: LinearFault.UNAUTHORIZED,
    403: LinearFault.UNAUTHORIZED,
    429: LinearFault.RATE_LIMITED,
}
_BODY_FAULTS = {
    "RATELIMITED": LinearFault.RATE_LIMITED,
    "ratelimited": LinearFault.RATE_LIMITED,
    "AUTHENTICATION_ERROR": LinearFault.UNAUTHORIZED,
    "authentication error": LinearFault.UNAUTHORIZED,
    "FORBIDDEN": LinearFault.UNAUTHORIZED,
    "forbidden": LinearFault.UNAUTHORIZED,
    "INTERNAL_SERVER_ERROR": LinearFault.SERVER_ERROR,
    "internal error": LinearFault.SERVER_ERROR,
    "network error": LinearFault.SERVER_ERROR,
    "lock timeout": LinearFault.SERVER_ERROR,
}
"""By `extensions.code` and `extensions.type` of an error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of one request."""

    data: dict[str, Any] = field(default_factory=dict, repr=False)
    fault: LinearFault | None = None
    reason: str = ""
    """The error in our own words; never text from outside."""
    wait: float | None = None
    """Seconds to wait, as asked for by the response; None when it does not ask."""
    refused: bool = False
    """True if Linear works and refuses only this request; others may succeed."""
    not_found: bool = False
    """True if the request is refused because its object does not exist."""
    about: str = ""
    """Part of the request that was refused; empty when the response does not say."""


def read(status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Answer:
    """Parse a response.

    Args:
        status: HTTP status.
        headers: headers, in any case.
        body: the body.
        wall: our wall clock, for times in headers when the response has no `Date`.
    """
    content = _object(body) or {}
    if content.get("errors"):
        said = _of_errors(content["errors"], status)
    elif status == _HTTP_OK and isinstance(content.get("data"), dict):
        return Answer(content["data"])
    else:
        said = Answer(fault=_of_status(status), reason=f"HTTP {status} without data")
    if said.fault not in (LinearFault.RATE_LIMITED, LinearFault.SERVER_ERROR):
        return said
    there = date(headers)
    return replace(said, wait=told_to_wait(headers, now=wall if there is None else there))


def date(headers: Mapping[str, str]) -> float | None:
    """Parse the `Date` of a response as seconds since 1970; None if absent or not readable."""
    return _http_date(_lower(headers).get("date", ""))


def told_to_wait(headers: Mapping[str, str], *, now: float) -> float | None:
    """Parse the seconds to wait: `Retry-After`, else the reset of an exhausted limit.

    A reset is a time on the sender's clock (Linear: milliseconds since 1970; seconds are read as
    well) or a number of seconds from now.

    Args:
        headers: of the response.
        now: seconds since 1970 on the sender's clock.
    """
    known = _lower(headers)
    asked = _seconds(known.get("retry-after", ""), now)
    if asked is None:
        resets = [_reset(known, limit, now) for limit in _LIMITS]
        asked = max((reset for reset in resets if reset is not None), default=None)
    return None if asked is None else min(max(asked, _SHORTEST_WAIT), _LONGEST_WAIT)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reset(headers: Mapping[str, str], limit: str, now: float) -> float | None:
    """Parse the seconds until an exhausted limit resets; None if the limit is not exhausted."""
    if headers.get(f"x-ratelimit-{limit}-remaining", "0").strip() != "0":
        return None
    return _seconds(headers.get(f"x-ratelimit-{limit}-reset", ""), now)


def _seconds(text: str, now: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        moment = _http_date(text)
        return None if moment is None else moment - now
    if not 0 <= value < float("inf"):
        return None
    if value >= _EPOCH_MILLISECONDS:
        return value / 1000 - now
    return value - now if value >= _EPOCH_SECONDS else value


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _of_errors(errors: object, status: int) -> Answer:
    """Classify a list of errors by the first known one."""
    reason = f"refused with HTTP {status}"
    described = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    known = (said for error in described if (said := _of_error(error, reason)))
    fault = _of_status(status)
    otherwise = Answer(
        fault=fault,
        reason=reason,
        refused=fault is LinearFault.BAD_ANSWER,
        about=_about(described[0]) if described else "",
    )
    return next(known, otherwise)


def _of_error(error: Mapping[str, Any], reason: str) -> Answer | None:
    """Classify an error; None if it is unknown."""
    about = _about(error)
    if str(error.get("message", "")).lower().startswith(_NOT_FOUND):
        fault = LinearFault.BAD_ANSWER
        return Answer(fault=fault, reason=reason, refused=True, not_found=True, about=about)
    word = next((word for word in _words(error.get("extensions")) if word in _BODY_FAULTS), None)
    if word is None:
        return None
    fault, refused = _BODY_FAULTS[word], word in _FORBIDDEN
    return Answer(fault=fault, reason=reason, refused=refused, about=about)


def _about(error: Mapping[str, Any]) -> str:
    """Return the part of the request that an error is about: the first step of its path."""
    path = error.get("path")
    return path[0] if isinstance(path, list) and path and isinstance(path[0], str) else ""


def _words(extensions: object) -> list[str]:
    """List the code and the type of an error."""
    if not isinstance(extensions, dict):
        return []
    return [str(extensions.get(name)) for name in ("code", "type")]


def _of_status(status: int) -> LinearFault:
    otherwise = LinearFault.BAD_ANSWER
    if status >= _HTTP_SERVER_ERROR:
        otherwise = LinearFault.SERVER_ERROR
    return _HTTP_FAULTS.get(status, otherwise)
