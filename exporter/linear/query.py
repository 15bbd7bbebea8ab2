"""GraphQL queries and mutations that are sent to Linear. Pure.

One query finds the issues of all runs: everything that holds the marker and was created since the
oldest open run; the run ids are matched on our side. A filter that names each id would grow with
the runs, scan all descriptions once per id, and need several requests; `searchIssues` takes one
term and is limited to 30 calls a minute. Leftovers are archived soon, so one page holds everything
unless hundreds of runs are open.
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
"""Issues in one request: archiving an issue costs Linear up to half a second, one after the other,
and all of them must be done within the timeout of a request."""


def ours(*, since: float | None = None) -> dict[str, Any]:
    """Build the `IssueFilter` for issues that hold the marker.

    Args:
        since: earliest time of creation, in seconds since 1970 on Linear's clock.
    """
    wanted: dict[str, Any] = {"description": {"contains": MARKER}}
    if since is not None:
        text = datetime.fromtimestamp(since, tz=UTC).isoformat(timespec="milliseconds")
        wanted["createdAt"] = {"gte": text.replace("+00:00", "Z")}
    return wanted


def archiving(names: Iterable[str]) -> str:
    """Build the mutation that archives issues, each under an alias of its own.

    Args:
        aliases: names of the results, and of the variables that hold the issue ids.
    """
    names = list(names)
    variables = ", ".join(f"${name}: String!" for name in names)
    calls = " ".join(f"{name}: issueArchive(id: ${name}) {{ success }}" for name in names)
    return f"mutation SloProbeArchive({variables}) {{ {calls} }}"
