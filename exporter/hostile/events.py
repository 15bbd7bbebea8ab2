"""The events to refuse. Pure.

What a target may take for an alert that fired has a run of its own (`way.py`). All others are
ends of alerts: agent-sre opens no issue and calls no function for those, whatever else it does.
"""

import json
from enum import StrEnum
from typing import Any

from exporter.events import Alert, fired, resolved
from exporter.hostile.names import Ground, guard_name

_DEEP = 50_000
"""Levels; agent-sre's reader gives up at some thousand."""
_LEVEL = "deep"
_WITHOUT = "no "


class Fault(StrEnum):
    """What is wrong with an event."""

    MALFORMED = "malformed JSON"
    WITHOUT_ID = "no id"
    WITHOUT_SOURCE = "no source"
    WITHOUT_SPECVERSION = "no specversion"
    WITHOUT_TYPE = "no type"
    DEEP = "deeply nested JSON"
    OVERSIZED = "an oversized body"


def harmless(alert: Alert) -> dict[str, Any]:
    """The end of an alert that never fired: an event in order, of which nothing follows."""
    return resolved(alert, at=alert.at)


def faulty(fault: Fault, alert: Alert, *, size: int) -> bytes:
    """The body of an event with one fault.

    Args:
        fault: that it has.
        alert: that it is the end of.
        size: bytes of an oversized one, at least.
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
    """A fired alert whose function has a hostile name, and which is in order otherwise.

    Raises:
        ForbiddenEventError: the name could lead anywhere but to the canary's host.
    """
    guard_name(name, ground)
    event = fired(alert)
    annotations = event["data"]["annotations"] | {"lambda_function": name}
    return event | {"data": event["data"] | {"annotations": annotations}}


def _with(event: dict[str, Any], text: str) -> bytes:
    """An event with one more annotation, given as JSON."""
    annotations = event["data"]["annotations"] | {_LEVEL: _LEVEL}
    whole = event | {"data": event["data"] | {"annotations": annotations}}
    mark = f'"{_LEVEL}": '
    return json.dumps(whole).replace(f'{mark}"{_LEVEL}"', f"{mark}{text}", 1).encode()
