"""Leaving nothing behind: archive the issues of a run."""

from collections.abc import Iterable
from typing import Protocol

from exporter.linear.fault import LinearError
from exporter.linear.issue import Issue


class Archive(Protocol):
    """Who can archive; `LinearClient` can."""

    async def archive(self, issue_id: str) -> None:
        """Archive an issue; raises LinearError when it may still be open."""


async def clean(client: Archive, issues: Iterable[Issue]) -> list[Issue]:
    """Archive issues; gives those that may still be open, to be tried again later.

    A failure does not end it: what was refused for one issue may be granted for the next, and
    while Linear is left alone the rest fails at once and costs nothing.
    """
    left = []
    for issue in issues:
        if issue.archived:
            continue
        try:
            await client.archive(issue.id)
        except LinearError:
            left.append(issue)
    return left
