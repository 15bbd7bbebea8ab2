"""Parser of CloudEvents, requests and replies, with agent-sre's mistakes. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIRED = "io.homelab.prometheus.alert.fired"
RESOLVED = "io.homelab.prometheus.alert.resolved"
REQUIRED_HEADERS = ("ce-specversion", "ce-type", "ce-source", "ce-id")


class MalformedEventError(ValueError):
    """Request that the service cannot read as a CloudEvent; it is answered with 500."""


@dataclass(frozen=True)
class AlertEvent:
    """Alert of a request; every part but the type may be missing."""

    id: str | None
    type: str
    data: Mapping[str, Any]

    @property
    def labels(self) -> Mapping[str, Any]:
        """Labels of the alert, empty when there are none."""
        return _to_mapping(self.data.get("labels"))

    @property
    def annotations(self) -> Mapping[str, Any]:
        """Annotations of the alert, which take precedence over those of its group."""
        common = _to_mapping(self.data.get("commonAnnotations"))
        return {**common, **_to_mapping(self.data.get("annotations"))}

    @property
    def alertname(self) -> str:
        """Name of the alert, `unknown` when unlabelled."""
        return str(self.labels.get("alertname", "unknown"))


def parse_event(headers: Mapping[str, str], body: bytes) -> AlertEvent:
    """Parse an event from a request; `headers` must ignore case.

    A binary-mode event loses its data, as in the service.

    Raises:
        MalformedEventError: required attributes are missing or the body is not readable.
    """
    missing = [name for name in REQUIRED_HEADERS if name not in headers]
    if not missing:
        return AlertEvent(id=headers["ce-id"], type=headers["ce-type"], data={})
    if headers.get("content-type", "").lower().startswith("application/cloudevents"):
        return _parse_structured(body)
    raise MalformedEventError("missing CloudEvent headers: " + ", ".join(missing))


def _parse_structured(body: bytes) -> AlertEvent:
    attributes = parse_object(body)
    missing = [name for name in ("specversion", "type", "source") if not attributes.get(name)]
    if missing:
        raise MalformedEventError("missing CloudEvent attributes: " + ", ".join(missing))
    event_id = attributes.get("id")
    return AlertEvent(
        id=None if event_id is None else str(event_id),
        type=str(attributes["type"]),
        data=_to_mapping(attributes.get("data")),
    )


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        MalformedEventError: no JSON, no object, or nested too deeply for the parser.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise MalformedEventError("JSON is nested too deeply") from None
    except ValueError as error:
        raise MalformedEventError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise MalformedEventError("JSON is not an object")
    return value


def _to_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
