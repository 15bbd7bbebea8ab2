"""The GraphQL that is sent to Linear. Pure.

One question finds the issues of all runs at once: everything that holds our marker and was
created since the oldest open run, told apart by id on our side. A filter that names each id
would grow with the runs, scan all descriptions once per id, and split into several requests;
`searchIssues` takes one term and is limited to 30 calls a minute. What is left over of ours is
archived soon, so one page holds it all unless hundreds of runs are open.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from exporter.linear.issue import MARKER

ISSUES = """
query SloProbeIssues($filter: IssueFilter!, $first: Int!, $after: String, $archived: Boolean!) {
  issues(filter: $filter, first: $first, after: $after, includeArchived: $archived) {
    nodes { id title description createdAt archivedAt }
    pageInfo { hasNextPage endCursor }
  }
}"""
ARCHIVED_AT_ONCE = 10
"""Issues in one request: an archived issue costs Linear up to half a second, one after the other,
and all of them have to be done within the timeout of a request."""


def ours(*, since: float | None = None) -> dict[str, Any]:
    """The `IssueFilter` for issues that hold our marker.

    Args:
        since: seconds since 1970 on Linear's clock; the time of creation must not be before.
    """
    wanted: dict[str, Any] = {"description": {"contains": MARKER}}
    if since is not None:
        text = datetime.fromtimestamp(since, tz=UTC).isoformat(timespec="milliseconds")
        wanted["createdAt"] = {"gte": text.replace("+00:00", "Z")}
    return wanted


def archiving(names: Iterable[str]) -> str:
    """The mutation that archives issues, each under a name of its own.

    Args:
        names: of the answers, and of the variables that hold the issues.
    """
    names = list(names)
    variables = ", ".join(f"${name}: String!" for name in names)
    calls = " ".join(f"{name}: issueArchive(id: ${name}) {{ success }}" for name in names)
    return f"mutation SloProbeArchive({variables}) {{ {calls} }}"
