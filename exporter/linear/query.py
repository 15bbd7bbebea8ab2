"""The GraphQL that is sent to Linear. Pure.

One question finds the issues of all runs at once: everything that holds our marker and was
created since the oldest open run, told apart by id on our side. A filter that names each id
would grow with the runs, scan all descriptions once per id, and split into several requests;
`searchIssues` takes one term and is limited to 30 calls a minute. What is left over of ours is
archived soon, so one page holds it all unless hundreds of runs are open.
"""

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
ARCHIVE = """
mutation SloProbeArchive($id: String!) {
  issueArchive(id: $id) { success }
}"""


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
