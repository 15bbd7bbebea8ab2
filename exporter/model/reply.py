"""The reply of agent-sre to an event, compared with what it documents. Pure."""

import json

from exporter.model.alert import is_run_id
from exporter.model.evidence import ReplyProblem


def find_reply_problem(body: bytes, run_id: str) -> ReplyProblem | None:
    """Find what is wrong with the body of a reply to the event of a run."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return ReplyProblem.UNEXPECTED
    if not isinstance(content, dict):
        return ReplyProblem.UNEXPECTED
    ids = [content.get("event_id"), content.get("correlation_id")]
    if any(is_run_id(each) and each != run_id for each in ids):
        return ReplyProblem.FOREIGN
    is_documented = content.get("status") == "processed" and ids == [run_id, run_id]
    return None if is_documented else ReplyProblem.UNEXPECTED
