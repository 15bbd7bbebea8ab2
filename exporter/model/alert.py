"""The synthetic alert, its ids, its documented reply, and the guard that keeps it harmless. Pure.

The id is sent twice, as event id and in `lambda_parameters`, because a converter on the path
replaces the event id (prometheus-events does).
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from exporter.model.evidence import ReplyProblem
from exporter.model.run import format_timestamp

CONTENT_TYPE = JSONFormat.CONTENT_TYPE
"""Content type of an event in structured mode."""
FIRED = "io.homelab.prometheus.alert.fired"
RESOLVED = "io.homelab.prometheus.alert.resolved"
ALERT_NAME = "SloProbeSynthetic"
RESERVED_LABELS = frozenset({"alertname", "severity", "synthetic", "probe", "lambda_function"})
"""Labels that identify an alert, those of a synthetic alert included."""
_SOURCE = "slo-probe"
_GENERATOR = "https://slo-probe.invalid/"
_ID = re.compile(r"slo-probe-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class CanaryIdentity:
    """Name and namespace of the one function that a synthetic alert may name."""

    name: str
    namespace: str


class ForbiddenEventError(Exception):
    """An event that the guard forbids was about to be sent; a bug, not a user's mistake."""


def create_run_id() -> str:
    """Create a unique run id."""
    return f"slo-probe-{uuid.uuid4().hex}"


def is_run_id(run_id: object) -> TypeGuard[str]:
    """Return whether a value from outside has the shape of a run id."""
    return isinstance(run_id, str) and _ID.fullmatch(run_id) is not None


def build_parameters(run_id: str, canary: CanaryIdentity) -> dict[str, str]:
    """Build the parameters that the canary must receive unchanged."""
    return {
        "probe_id": run_id,
        "nonce": uuid.uuid4().hex,
        "name": canary.name,
        "namespace": canary.namespace,
    }


@dataclass(frozen=True, slots=True)
class Alert:
    """A synthetic alert, independent of the envelope in which it is sent.

    Attributes:
        id: run id.
        probe: name of the probe.
        parameters: parameters for the canary.
        canary: the one function that it names.
        intended_at: wall clock seconds of the intended send.
        traceparent: W3C trace context of its trace, if there is one.
    """

    id: str
    probe: str
    parameters: Mapping[str, str]
    canary: CanaryIdentity
    intended_at: float
    traceparent: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Labels that mark the alert as synthetic."""
        return {
            "alertname": ALERT_NAME,
            "severity": "info",
            "synthetic": "true",
            "probe": self.probe,
        }

    @property
    def annotations(self) -> dict[str, str]:
        """Text of the alert, and the function to call with its parameters."""
        return {
            "summary": "Synthetic alert of slo-probe: nothing is wrong.",
            "description": f"Sent to measure the way of an alert through agent-sre ({self.id}).",
            "lambda_function": self.canary.name,
            "lambda_parameters": json.dumps(dict(self.parameters)),
        }


def build_fired_event(alert: Alert) -> bytes:
    """Build the body of a firing alert, a CloudEvent in structured mode."""
    return _build_event(
        alert, FIRED, alert.id, {"status": "firing", "endsAt": None}, at=alert.intended_at
    )


def build_resolved_event(alert: Alert, *, at: float) -> bytes:
    """Build the body of the end of an alert; the id of the event names the alert that it ends.

    Args:
        alert: the alert that was fired.
        at: wall clock seconds of its end.
    """
    status_fields = {"status": "resolved", "endsAt": format_timestamp(at)}
    return _build_event(alert, RESOLVED, to_resolved_id(alert.id), status_fields, at=at)


def to_resolved_id(run_id: str) -> str:
    """Return the id of the event that ends the alert of a run."""
    return f"{run_id}-resolved"


def build_alertmanager_alert(
    alert: Alert, *, label: str, ends_at: float | None = None
) -> dict[str, Any]:
    """Build an alert for Alertmanager's API. Alertmanager sets the start time.

    A start time of this prober would be refused if its clock was ahead and has been set back since.

    Args:
        alert: the alert.
        label: label that gets a unique value, so that no other alert is grouped with this one.
        ends_at: wall clock seconds of its end; None while it fires.
    """
    entry = {
        "labels": {**alert.labels, label: alert.id},
        "annotations": alert.annotations,
        "generatorURL": _GENERATOR,
    }
    check_alert_is_harmless(entry, alert.canary)
    return entry if ends_at is None else {**entry, "endsAt": format_timestamp(ends_at)}


def check_alert_is_harmless(alert: Mapping[str, Any], canary: CanaryIdentity) -> None:
    """Check that labels and annotations cannot start a real remediation or look like an incident.

    Raises:
        ForbiddenEventError: naming the broken rule.
    """
    labels, annotations = alert["labels"], alert["annotations"]
    rules = {
        "severity is info": labels.get("severity") == "info",
        "synthetic is true": labels.get("synthetic") == "true",
        "only the canary is named": annotations.get("lambda_function") == canary.name,
        "no function other than the canary": "lambda_function" not in labels,
    }
    broken = [rule for rule, is_met in rules.items() if not is_met]
    if broken:
        raise ForbiddenEventError(f"event not sent; broken rules: {', '.join(broken)}")


class _EventTime(datetime):
    """Time of an event; the SDK writes it as `isoformat` does, here always with milliseconds."""

    def isoformat(self, sep: str = "T", timespec: str = "milliseconds") -> str:
        return super().isoformat(sep, timespec)


def _build_event(
    alert: Alert, event_type: str, event_id: str, status_fields: Mapping[str, Any], *, at: float
) -> bytes:
    data = {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": format_timestamp(alert.intended_at),
        "generatorURL": _GENERATOR,
        "fingerprint": alert.id[-16:],
        **status_fields,
    }
    check_alert_is_harmless(data, alert.canary)
    trace = {"traceparent": alert.traceparent} if alert.traceparent else {}
    attributes = {
        "specversion": "1.0",
        "type": event_type,
        "source": _SOURCE,
        "id": event_id,
        "time": _EventTime.fromtimestamp(at, tz=UTC),
        "datacontenttype": "application/json",
        **trace,
    }
    return to_structured_event(CloudEvent(attributes, data)).body


def find_run_ids(path: str) -> list[str]:
    """Find the run ids in a URL path; only a hostile function name puts one there."""
    return _ID.findall(path)


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
