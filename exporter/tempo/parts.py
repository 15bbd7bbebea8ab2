"""Classification of spans by their role in agent-sre's pipeline. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.tempo.trace import Span


class Part(StrEnum):
    """Roles of spans."""

    HANDLE = "cloudevent.handle"
    ALERT = "alert.process"
    EXECUTE = "remediation.execute"
    """Opened and closed before the function call, so its duration is not used."""
    CALL = "lambda_function.call"
    HEALTH_REQUEST = "lambda_function.call GET"
    CALL_REQUEST = "lambda_function.call POST"
    LINEAR = "linear"
    VERIFICATION = "verification"


_NAMED = {str(part): part for part in (Part.HANDLE, Part.ALERT, Part.EXECUTE, Part.CALL)}
_REQUESTS = {
    "GET": Part.HEALTH_REQUEST,
    "HTTP GET": Part.HEALTH_REQUEST,
    "POST": Part.CALL_REQUEST,
    "HTTP POST": Part.CALL_REQUEST,
}
_URLS = ("url.full", "http.url")
_HOSTS = ("server.address", "net.peer.name", "http.host")


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that identify the spans of agent-sre."""

    service: str = "agent-sre"
    verification: frozenset[str] = frozenset({"verification", "remediation.verify", "alert.verify"})
    linear_hosts: frozenset[str] = frozenset({"api.linear.app"})


def part_of(span: Span, spans: Mapping[str, Span], rules: Rules) -> Part | None:
    """Classify a span; None when it has no role.

    Args:
        span: a span of agent-sre.
        spans: all spans of the trace by id.
        rules: rules that identify spans.
    """
    if span.name in _NAMED:
        return _NAMED[span.name]
    if span.name in rules.verification:
        return Part.VERIFICATION
    if span.kind not in ("client", ""):
        return None
    if host(span) in rules.linear_hosts:
        return Part.LINEAR
    parent = spans.get(span.parent)
    if parent is not None and parent.name == Part.CALL:
        return _REQUESTS.get(span.name)
    return None


def host(span: Span) -> str:
    """Return the host of a request, by old and new attribute conventions; empty if unknown."""
    for key in _URLS:
        try:
            found = urlsplit(str(span.attributes.get(key, ""))).hostname
        except ValueError:
            continue
        if found:
            return found
    for key in _HOSTS:
        found = str(span.attributes.get(key, ""))
        if found:
            return found.partition(":")[0].lower()
    return ""
