"""Hostile event bodies. Pure.

Events with a hostile function name are fired alerts and go through a run. All other events are
resolved alerts: agent-sre opens no issue and calls no function for those.
"""

import json
from enum import StrEnum
from typing import Any

from exporter.events import Alert, fired, resolved
from exporter.hostile.names import Ground, guard_name

_DEEP = 50_000
"""Levels of nesting; the JSON parser of agent-sre gives up at a few thousand."""
_LEVEL = "deep"
_WITHOUT = "no "


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
