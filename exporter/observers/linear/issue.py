"""Issue of a synthetic run, parsed from a response of Linear."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from exporter.model.alert import ALERT_NAME
from exporter.observers.linear.clock_skew import ClockSkew

MARKER = "slo-probe-"
"""Text in the description of every issue of a synthetic run."""
_ID = re.compile(rf"(?<![\w-]){MARKER}[0-9a-f]{{32}}(?![\w-])")
_LINE = re.compile(rf"Correlation ID[^\w\n]*({_ID.pattern})")
_ANY_LINE = re.compile(r"Correlation ID[^\w\n`]*`([^`\n]+)`")


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


def parse_page(
    data: Mapping[str, Any], skew: ClockSkew, aliases: Mapping[str, str] | None = None
) -> IssuePage:
    """Parse the page in the data of a response.

    Args:
        data: the data.
        skew: offset of Linear's clock.
        aliases: ids of runs by the other ids of their events.

    Raises:
        ValueError: it is not a page of issues. A page that reports more pages without a cursor is
            an error too: taken for the last one, it would hide issues.
    """
    try:
        page = data["issues"]
        issues = [issue for node in page["nodes"] if (issue := parse_issue(node, skew, aliases))]
        if not page["pageInfo"]["hasNextPage"]:
            return IssuePage(issues, None)
        return IssuePage(issues, _get_text(page["pageInfo"], "endCursor"))
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError("not a page of issues") from error


def parse_issue(
    node: dict[str, Any], skew: ClockSkew, aliases: Mapping[str, str] | None = None
) -> Issue | None:
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
    run_id = find_run_id(title, str(node.get("description") or ""), aliases)
    if kind is None or run_id is None:
        return None
    archived = node.get("archivedAt") is not None
    return Issue(issue_id, run_id, kind, title, created.timestamp(), archived, skew)


def find_run_id(
    title: str, description: str, aliases: Mapping[str, str] | None = None
) -> str | None:
    """Find the run that an issue belongs to; None when that is not certain.

    The correlation line decides, and of several the last one, as agent-sre writes it last. A
    converter on the way replaces the event id, and then the line holds another id, by which the run
    is known if the canary was called with it. Otherwise the alert's own text may still hold the run
    id; it is used when the alert is the synthetic one and names exactly one run.
    """
    lines: list[str] = _LINE.findall(description)
    if lines:
        return lines[-1]
    other_ids: list[str] = _ANY_LINE.findall(description)
    if aliases and other_ids and other_ids[-1] in aliases:
        return aliases[other_ids[-1]]
    run_ids = set(_ID.findall(description)) if ALERT_NAME in title else set()
    return run_ids.pop() if len(run_ids) == 1 else None


def _get_text(node: dict[str, Any], key: str) -> str:
    value = node.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {key}")
    return value
