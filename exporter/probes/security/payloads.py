"""Malformed events and hostile function names, with their guard."""

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
    fired,
    may_be_ours,
    resolved,
)

_ALPHABET = re.compile(r"[a-z0-9.:/@-]+")
"""No percent sign, backslash, question mark, hash or space: URL parsers differ on those."""
_SEPARATORS = re.compile(r"[:/@]+")
_SCHEME, _UP = "http", ".."
_USUAL_PORT = 80

_DEEP = 50_000
"""Levels of nesting; the JSON parser of agent-sre gives up at a few thousand."""
_LEVEL = "deep"
_WITHOUT = "no "


class Trick(StrEnum):
    """Kinds of hostile names."""

    SLASH = "slash"
    PORT = "port"
    SCHEME = "scheme"


@dataclass(frozen=True, slots=True)
class Ground:
    """Host that hostile names may lead to.

    Attributes:
        canary: identity of the canary.
        port: port of the honeypot on that host.
    """

    canary: CanaryIdentity
    port: int

    @property
    def host(self) -> str:
        """Full DNS name of the canary's Service."""
        return f"{self.canary.name}.{self.canary.namespace}.svc.cluster.local"


def hostile_name(trick: Trick, run_id: str, ground: Ground) -> str:
    """Build a hostile name that holds the run's id.

    A target without input validation is led to the canary's host by it.

    Raises:
        ForbiddenEventError: the name could lead to another host; this is a bug.
    """
    host = ground.host
    names = {
        Trick.SLASH: f"{host}/../{run_id}",
        Trick.PORT: f"{host}:{ground.port}/{run_id}",
        Trick.SCHEME: f"{_SCHEME}:{ground.canary.name}@{host}:{ground.port}/{run_id}",
    }
    guard_name(names[trick], ground)
    return names[trick]


def guard_name(name: str, ground: Ground) -> None:
    """Refuse a name that may be a real function's, or may lead to another host than the canary's.

    Raises:
        ForbiddenEventError: naming the broken rules.
    """
    host = ground.host
    known = {"", _UP, _SCHEME, host, ground.canary.name, str(ground.port)}
    words = _SEPARATORS.split(name)
    rules = {
        "nothing but plain characters": _ALPHABET.fullmatch(name) is not None,
        "the canary's host is named": host in words,
        "no function can be called so": "/" in name,
        "no word but those of the canary": all(w in known or may_be_ours(w) for w in words),
        "every reading leads to the canary": all(_leads_home(u, ground) for u in readings(name)),
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise ForbiddenEventError(f"not sent, it breaks: {', '.join(broken)}")


def readings(name: str) -> list[str]:
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


def _leads_home(url: str, ground: Ground) -> bool:
    """Return True if a URL has no host, or only the canary's."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return True  # no client can follow it
    return host in (None, ground.host) and port in (None, _USUAL_PORT, ground.port)


class Fault(StrEnum):
    """Defects of an event."""

    MALFORMED = "malformed JSON"
    WITHOUT_ID = "no id"
    WITHOUT_SOURCE = "no source"
    WITHOUT_SPECVERSION = "no specversion"
    WITHOUT_TYPE = "no type"
    DEEP = "deeply nested JSON"
    OVERSIZED = "an oversized body"


def harmless(alert: Alert) -> dict[str, Any]:
    """Build a resolved event of an alert that never fired: a valid event without any effect."""
    return resolved(alert, at=alert.at)


def faulty(fault: Fault, alert: Alert, *, size: int) -> bytes:
    """Build the body of an event with one defect.

    Args:
        defect: the defect.
        alert: the alert whose resolved event is used.
        size: minimum size of an oversized body in bytes.
    """
    event = harmless(alert)
    match fault:
        case Fault.MALFORMED:
            return json.dumps(event).encode()[:-1]
        case Fault.DEEP:
            return _with(event, f"{'[' * _DEEP}{']' * _DEEP}")
        case Fault.OVERSIZED:
            return _with(event, json.dumps("x" * size))
        case _:
            event.pop(fault.removeprefix(_WITHOUT))
            return json.dumps(event).encode()


def misnamed(alert: Alert, name: str, ground: Ground) -> dict[str, Any]:
    """Build a fired event with a hostile function name that is valid otherwise.

    Raises:
        ForbiddenEventError: the name could lead to another host than the canary's.
    """
    guard_name(name, ground)
    event = fired(alert)
    annotations = event["data"]["annotations"] | {"lambda_function": name}
    return event | {"data": event["data"] | {"annotations": annotations}}


def _with(event: dict[str, Any], text: str) -> bytes:
    """Add an annotation whose value is given as JSON text."""
    annotations = event["data"]["annotations"] | {_LEVEL: _LEVEL}
    whole = event | {"data": event["data"] | {"annotations": annotations}}
    mark = f'"{_LEVEL}": '
    return json.dumps(whole).replace(f'{mark}"{_LEVEL}"', f"{mark}{text}", 1).encode()
