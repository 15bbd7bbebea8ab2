"""Issue as Linear returns it, and the clock skew estimated from `Date` headers."""

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from exporter.model.alert import ALERT_NAME

_RESOLUTION = 1.0
_MAX_RESPONSES = 20
_DRIFT = 1e-4
"""Seconds per second that two clocks may drift apart; ten times the drift of a bad quartz."""
_MIN_UNCERTAINTY = 0.05
"""Seconds: the writer of `Date` (the edge of Linear's network) and the writer of `createdAt` (its
database) need not agree better, for any number of responses."""

MARKER = "slo-probe-"
"""Text in the description of every issue of a synthetic run."""
_ID = re.compile(rf"(?<![\w-]){MARKER}[0-9a-f]{{32}}(?![\w-])")
_LINE = re.compile(rf"Correlation ID[^\w\n]*({_ID.pattern})")


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """Estimated clock skew, in seconds."""

    offset: float
    """Linear's clock minus our clock."""
    uncertainty: float
    """The offset is correct within plus and minus this; infinite while nothing is known."""


UNKNOWN_SKEW = ClockSkew(0.0, math.inf)


@dataclass(frozen=True, slots=True)
class _Bounds:
    low: float
    high: float
    at: float

    def widen(self, now: float) -> "_Bounds":
        """Widen the bounds by the possible clock drift since they were measured."""
        drift = _DRIFT * abs(now - self.at)
        return _Bounds(self.low - drift, self.high + drift, now)


class ClockSkewEstimator:
    """Estimate of the clock skew from the last responses."""

    def __init__(self) -> None:
        self._bounds: deque[_Bounds] = deque(maxlen=_MAX_RESPONSES)
        self.current = UNKNOWN_SKEW

    def add(self, date: float, *, sent: float, received: float) -> None:
        """Add one response.

        Args:
            date: its `Date`, in seconds since 1970.
            sent: time at which the request was sent, on our clock.
            received: time at which the response was received, on our clock.
        """
        self._bounds.append(_Bounds(date - received, date + _RESOLUTION - sent, received))
        low, high = self._intersect_bounds(received)
        half = (high - low) / 2
        self.current = ClockSkew(low + half, max(half, _MIN_UNCERTAINTY))

    def _intersect_bounds(self, now: float) -> tuple[float, float]:
        """Intersect the bounds of the newest responses, up to the first that contradicts them."""
        newest, *older = (entry.widen(now) for entry in reversed(self._bounds))
        low, high = newest.low, newest.high
        for bounds in older:
            if bounds.low > high or bounds.high < low:
                break
            low, high = max(low, bounds.low), min(high, bounds.high)
        return low, high


class IssueKind(StrEnum):
    """Kinds of issues, recognised by their title."""

    ALERT = "alert"
    """Opened for every fired event; a second one for the same run is a duplicate."""
    REMEDIATION_FAILED = "remediation_failed"
    """Opened when the function reported an error or failed."""


_PREFIXES = {"[Alert] ": IssueKind.ALERT, "[Remediation Failed] ": IssueKind.REMEDIATION_FAILED}


@dataclass(frozen=True, slots=True)
class Issue:
    """Issue of a synthetic run."""

    id: str
    run_id: str
    kind: IssueKind
    title: str
    created_at: float
    """Seconds since 1970 on Linear's clock."""
    archived: bool
    skew: ClockSkew
    """Offset of Linear's clock against ours, as known when the issue was read."""

    @property
    def created_at_local(self) -> float:
        """Time of creation, on our clock."""
        return self.created_at - self.skew.offset


@dataclass(frozen=True, slots=True)
class IssuePage:
    """One page of a search."""

    issues: list[Issue]
    """Issues of synthetic runs."""
    next_cursor: str | None
    """Cursor of the next page, if there is one."""


def parse_page(data: Mapping[str, Any], skew: ClockSkew) -> IssuePage:
    """Parse the page in the data of a response.

    Raises:
        ValueError: it is not a page of issues. A page that reports more pages without a cursor is
            an error too: taken for the last one, it would hide issues.
    """
    try:
        page = data["issues"]
        issues = [issue for node in page["nodes"] if (issue := parse_issue(node, skew))]
        if not page["pageInfo"]["hasNextPage"]:
            return IssuePage(issues, None)
        return IssuePage(issues, _get_text(page["pageInfo"], "endCursor"))
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError("not a page of issues") from error


def parse_issue(node: dict[str, Any], skew: ClockSkew) -> Issue | None:
    """Parse the issue of a node; None when agent-sre did not open it for a synthetic run.

    Raises:
        ValueError: the node is not an issue with the queried fields.
    """
    title = _get_text(node, "title")
    created = datetime.fromisoformat(_get_text(node, "createdAt"))
    if created.tzinfo is None:
        raise ValueError("a time without a time zone")
    issue_id = _get_text(node, "id")
    kind = next((kind for prefix, kind in _PREFIXES.items() if title.startswith(prefix)), None)
    run_id = find_run_id(title, str(node.get("description") or ""))
    if kind is None or run_id is None:
        return None
    archived = node.get("archivedAt") is not None
    return Issue(issue_id, run_id, kind, title, created.timestamp(), archived, skew)


def find_run_id(title: str, description: str) -> str | None:
    """Find the run that an issue belongs to; None when that is not certain.

    The correlation line decides, and of several the last one, as agent-sre writes it last. A
    converter on the way replaces the event id, and then the line holds another id. The alert's own
    text still holds the run id then; it is used when the alert is the synthetic one and names
    exactly one run.
    """
    lines: list[str] = _LINE.findall(description)
    if lines:
        return lines[-1]
    run_ids = set(_ID.findall(description)) if ALERT_NAME in title else set()
    return run_ids.pop() if len(run_ids) == 1 else None


def _get_text(node: dict[str, Any], key: str) -> str:
    value = node.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {key}")
    return value
