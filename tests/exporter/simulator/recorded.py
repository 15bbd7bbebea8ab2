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
    """The variables of the mutation for a fired event of the probe `burst_10`."""
    return {
        "title": "[Alert] SloProbeSynthetic",
        "description": (
            "**Status**: firing\n**Severity**: info\n**Alert Name**: `SloProbeSynthetic`\n\n"
            "**Description**:\n"
            f"Sent to measure the way of an alert through agent-sre ({run_id}).\n\n"
            "**Labels**:\n- `severity`: `info`\n- `synthetic`: `true`\n- `probe`: `burst_10`\n\n"
            f"**Correlation ID**: `{run_id}`\n\n---\n*Created by agent-sre*"
        ),
        "teamId": team_id,
        "priority": 3,
    }


def build_failure_issue_input(team_id: str, run_id: str) -> dict[str, Any]:
    """The variables of the mutation after the function answered 500."""
    return {
        "title": "[Remediation Failed] SloProbeSynthetic",
        "description": (
            "**Alert**: `SloProbeSynthetic`\n**Remediation Function**: `agent-sre-canary`\n"
            "**Status**: \u274c Failed\n\n**Error**:\n```\nHTTP error: 500\n```\n\n"
            f"**Parameters**:\n- `probe_id`: `{run_id}`\n- `name`: `agent-sre-canary`\n"
            f"- `namespace`: `ai`\n\n**Correlation ID**: `{run_id}`\n\n---\n*Created by agent-sre*"
        ),
        "teamId": team_id,
        "priority": 1,
    }
