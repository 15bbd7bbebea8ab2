"""Requests of agent-sre 0.5.15, as a proxy recorded them, that the stand-ins are held to."""

from typing import Any

TEAMS_QUERY = """
query($key: String!) {
  teams(filter: { key: { eq: $key } }) { nodes { id name key description } }
}
"""
ISSUE_CREATE_MUTATION = """
mutation($input: IssueCreateInput!) {
  issueCreate(input: $input) {
    success
    issue { id identifier title description url state { name } team { name } }
  }
}
"""
FUNCTION_HEADERS = {
    "ce-correlationid",
    "ce-id",
    "ce-source",
    "ce-specversion",
    "ce-time",
    "ce-type",
    "traceparent",
    "x-correlation-id",
}
"""Headers of the call of a function, beside those of every request. There is no content-type."""
FUNCTION_CONSTANTS = {
    "ce-specversion": "1.0",
    "ce-type": "io.homelab.agent-sre.remediation.request",
    "ce-source": "agent-sre",
}
SAME_IDS = ("ce-id", "ce-correlationid", "x-correlation-id")
"""Headers that hold the id of the event."""


def build_issue_input(team_id: str, run_id: str) -> dict[str, Any]:
    """The variables of the mutation for a fired event."""
    return {
        "title": "[Alert] SloProbeSynthetic",
        "description": f"**Status**: firing\n\n**Correlation ID**: `{run_id}`",
        "teamId": team_id,
        "priority": 3,
    }
