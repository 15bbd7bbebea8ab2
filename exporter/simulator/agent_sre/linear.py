"""Issues in Linear, opened as agent-sre does: awaited, never deduplicated, never closed."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from exporter.simulator.agent_sre.cloudevent import AlertEvent
from exporter.simulator.agent_sre.function import Remediation
from exporter.simulator.agent_sre.settings import Settings

PRIORITIES = {"critical": 1, "warning": 2, "info": 3}
DEFAULT_PRIORITY = 3
FAILURES = (aiohttp.ClientError, OSError, ValueError, KeyError, IndexError, TypeError)
"""All exceptions of a call and of the parsing of its response."""

TEAMS_QUERY = (
    "query($key: String!) { teams(filter: {key: {eq: $key}}) "
    "{ nodes { id name key description } } }"
)
ISSUE_CREATE_MUTATION = (
    "mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success "
    "issue { id identifier title description url state { name } team { name } } } }"
)


class IssueCreationError(Exception):
    """Linear refused, failed or did not answer; the remediation goes on."""


@dataclass(frozen=True)
class IssueInput:
    """Issue to open; field names are those of Linear's `IssueCreateInput`."""

    title: str
    description: str
    priority: int


def build_alert_issue(event: AlertEvent) -> IssueInput:
    """Build the issue of a fired event."""
    labels = event.labels
    severity = str(labels.get("severity", "warning"))
    text = event.annotations.get("description") or event.annotations.get("summary")
    others = {name: value for name, value in labels.items() if name != "alertname"}
    description = _join_parts(
        f"**Status**: {event.data.get('status', 'firing')}\n**Severity**: {severity}\n"
        f"**Alert Name**: `{event.alertname}`",
        f"**Description**:\n{text}" if text else "",
        _list_values("Labels", others),
        event_id=event.id,
    )
    priority = PRIORITIES.get(severity.lower(), DEFAULT_PRIORITY)
    return IssueInput(f"[Alert] {event.alertname}", description, priority)


def build_failure_issue(event: AlertEvent, remediation: Remediation, *, message: str) -> IssueInput:
    """Build the second issue, opened when the function reported an error or failed."""
    description = _join_parts(
        f"**Alert**: `{event.alertname}`\n**Remediation Function**: `{remediation.function}`\n"
        "**Status**: \u274c Failed",
        f"**Error**:\n```\n{message}\n```",
        _list_values("Parameters", remediation.parameters),
        event_id=event.id,
    )
    return IssueInput(f"[Remediation Failed] {event.alertname}", description, 1)


def _list_values(title: str, values: Mapping[str, Any]) -> str:
    lines = [f"- `{name}`: `{value}`" for name, value in values.items()]
    return "\n".join([f"**{title}**:", *lines]) if lines else ""


def _join_parts(*parts: str, event_id: str | None) -> str:
    """Join the parts of a description; the line with the correlation id is followed by a rule."""
    correlation = f"**Correlation ID**: `{event_id}`" if event_id else ""
    return "\n\n".join(filter(None, [*parts, correlation, "---\n*Created by agent-sre*"]))


class LinearIssueClient:
    """Client of a Linear workspace with one key.

    Each event that comes before the team is known asks for it.
    """

    def __init__(self, settings: Settings, *, key: str) -> None:
        self._settings = settings
        self._headers = {"Authorization": key}
        self._team: str | None = None

    async def open_issue(self, issue: IssueInput) -> None:
        """Open one issue. Raises IssueCreationError, also after `linear_timeout` seconds."""
        try:
            async with asyncio.timeout(self._settings.linear_timeout):
                fields = {**asdict(issue), "teamId": await self._get_team_id()}
                created = await self._send_query(ISSUE_CREATE_MUTATION, {"input": fields})
                if not created["issueCreate"]["success"]:
                    raise IssueCreationError("Linear did not create the issue")
        except FAILURES as error:
            # Without its text: an error of the HTTP library may show the request, and so the key.
            raise IssueCreationError(f"Linear failed: {type(error).__name__}") from None

    async def _get_team_id(self) -> str:
        if self._team is None:
            data = await self._send_query(TEAMS_QUERY, {"key": self._settings.linear_team})
            self._team = str(data["teams"]["nodes"][0]["id"])
        return self._team

    async def _send_query(self, query: str, variables: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a foreign API's JSON
        body = {"query": query, "variables": variables}
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.post(self._settings.linear_url, json=body) as response,
        ):
            response.raise_for_status()
            return (await response.json(content_type=None))["data"]
