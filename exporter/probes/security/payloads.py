"""Payloads of hostile requests: malformed events and function names, with their guard."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin, urlsplit

from exporter.model.alert import (
    Alert,
    CanaryIdentity,
    ForbiddenEventError,
    build_fired_event,
    build_resolved_event,
    is_run_id,
)

_ALPHABET = re.compile(r"[a-z0-9.:/@-]+")
"""No percent sign, backslash, question mark, hash or space: URL parsers differ on those."""
_SEPARATORS = re.compile(r"[:/@]+")
_SCHEME, _PARENT = "http", ".."
_DEFAULT_PORT = 80

_NESTING_DEPTH = 50_000
"""Levels of nesting; the JSON parser of agent-sre gives up at a few thousand."""
_ANNOTATION = "deep"
_MISSING_PREFIX = "no "


class NameAttack(StrEnum):
    """Kinds of hostile names."""

    SLASH = "slash"
    PORT = "port"
    SCHEME = "scheme"


@dataclass(frozen=True, slots=True)
class CanaryHost:
    """Host that hostile names may lead to.

    Attributes:
        canary: identity of the canary.
        port: port of the honeypot on that host.
    """

    canary: CanaryIdentity
    port: int

    @property
    def name(self) -> str:
        """Full DNS name of the canary's Service."""
        return f"{self.canary.name}.{self.canary.namespace}.svc.cluster.local"


def build_hostile_name(attack: NameAttack, run_id: str, canary_host: CanaryHost) -> str:
    """Build a hostile name that holds the run's id.

    A target without input validation is led to the canary's host by it.

    Raises:
        ForbiddenEventError: the name could lead to another host; this is a bug.
    """
    host = canary_host.name
    with_port = f"{host}:{canary_host.port}/{run_id}"
    names = {
        NameAttack.SLASH: f"{host}/../{run_id}",
        NameAttack.PORT: with_port,
        NameAttack.SCHEME: f"{_SCHEME}:{canary_host.canary.name}@{with_port}",
    }
    guard_name(names[attack], canary_host)
    return names[attack]


def guard_name(name: str, canary_host: CanaryHost) -> None:
    """Refuse a name that may be a real function's, or may lead to another host than the canary's.

    Raises:
        ForbiddenEventError: naming the broken rules.
    """
    host = canary_host.name
    allowed = {"", _PARENT, _SCHEME, host, canary_host.canary.name, str(canary_host.port)}
    words = _SEPARATORS.split(name)
    rules = {
        "only plain characters": _ALPHABET.fullmatch(name) is not None,
        "the canary's host is named": host in words,
        "no real function can have this name": "/" in name,
        "only words of the canary": all(word in allowed or is_run_id(word) for word in words),
        "every reading leads to the canary": all(
            _stays_on_host(url, canary_host) for url in list_possible_urls(name)
        ),
    }
    broken = [rule for rule, is_met in rules.items() if not is_met]
    if broken:
        raise ForbiddenEventError(f"event not sent; broken rules: {', '.join(broken)}")


def list_possible_urls(name: str) -> list[str]:
    """List the URLs that a target without input validation may build from a name."""
    return [
        f"http://{name}.namespace.svc.cluster.local/",
        f"https://{name}.namespace.svc.cluster.local/",
        f"http://{name}/",
        f"http:{name}",
        f"//{name}",
        name,
        urljoin("http://", name),
    ]


def _stays_on_host(url: str, canary_host: CanaryHost) -> bool:
    """Return True if a URL has no host, or only the canary's."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return True  # no client can follow it
    if host not in (None, canary_host.name):
        return False
    try:
        return parts.port in (None, _DEFAULT_PORT, canary_host.port)
    except ValueError:
        return True  # no client can follow it


class EventDefect(StrEnum):
    """Defects of an event."""

    MALFORMED = "malformed JSON"
    WITHOUT_ID = "no id"
    WITHOUT_SOURCE = "no source"
    WITHOUT_SPECVERSION = "no specversion"
    WITHOUT_TYPE = "no type"
    DEEP = "deeply nested JSON"
    OVERSIZED = "an oversized body"


def build_harmless_event(alert: Alert) -> bytes:
    """Build the body of a valid event without any effect: the end of an alert that never fired."""
    return build_resolved_event(alert, at=alert.intended_at)


def build_defective_body(defect: EventDefect, alert: Alert, *, size: int) -> bytes:
    """Build the body of an event with one defect.

    Args:
        defect: the defect.
        alert: the alert whose resolved event is used.
        size: minimum size of an oversized body in bytes.
    """
    body = build_harmless_event(alert)
    event = json.loads(body)
    match defect:
        case EventDefect.MALFORMED:
            return body[:-1]
        case EventDefect.DEEP:
            return _add_raw_annotation(event, f"{'[' * _NESTING_DEPTH}{']' * _NESTING_DEPTH}")
        case EventDefect.OVERSIZED:
            return _add_raw_annotation(event, json.dumps("x" * size))
        case _:
            event.pop(defect.removeprefix(_MISSING_PREFIX))
            return json.dumps(event).encode()


def build_misnamed_event(alert: Alert, name: str, canary_host: CanaryHost) -> bytes:
    """Build the body of a fired event with a hostile function name that is valid otherwise.

    Raises:
        ForbiddenEventError: the name could lead to another host than the canary's.
    """
    guard_name(name, canary_host)
    event = json.loads(build_fired_event(alert))
    event["data"]["annotations"]["lambda_function"] = name
    return json.dumps(event).encode()


def _add_raw_annotation(event: dict[str, Any], raw_json: str) -> bytes:
    """Add an annotation whose value is given as JSON text."""
    event["data"]["annotations"][_ANNOTATION] = _ANNOTATION
    placeholder = f'"{_ANNOTATION}": '
    return (
        json.dumps(event)
        .replace(f'{placeholder}"{_ANNOTATION}"', f"{placeholder}{raw_json}", 1)
        .encode()
    )
