"""The synthetic alert, and the list of things it must never be. Pure.

The id travels twice, as event id and in `lambda_parameters`, because a converter on the way
replaces the event id (prometheus-events does).
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from exporter.result import timestamp

CONTENT_TYPE = "application/cloudevents+json"
FIRED = "io.homelab.prometheus.alert.fired"
RESOLVED = "io.homelab.prometheus.alert.resolved"
ALERT_NAME = "SloProbeSynthetic"
TOLD_BY = frozenset({"alertname", "severity", "synthetic", "probe", "lambda_function"})
"""Labels that say what an alert is, those of a synthetic one among them."""
_SOURCE = "slo-probe"
_GENERATOR = "https://slo-probe.invalid/"
_ID = re.compile(r"slo-probe-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class CanaryIdentity:
    """The one function a synthetic alert may name."""

    name: str
    namespace: str


class ForbiddenEventError(Exception):
    """An event on the guard list was about to be sent; a bug, never a user's mistake."""


def new_id() -> str:
    """An id no other run has."""
    return f"slo-probe-{uuid.uuid4().hex}"


def may_be_ours(run_id: object) -> TypeGuard[str]:
    """Whether a value from outside has the shape of our ids, and is worth looking up."""
    return isinstance(run_id, str) and _ID.fullmatch(run_id) is not None


def parameters(run_id: str, canary: CanaryIdentity) -> dict[str, str]:
    """What the canary must receive, value for value."""
    return {
        "probe_id": run_id,
        "nonce": uuid.uuid4().hex,
        "name": canary.name,
        "namespace": canary.namespace,
    }


@dataclass(frozen=True, slots=True)
class Alert:
    """A synthetic alert before it is put into an envelope.

    Attributes:
        id: of the run.
        probe: its name, for whoever reads the alert.
        sent: the parameters for the canary.
        canary: the one function it names.
        at: wall clock seconds of the intended send.
        traceparent: of the trace it is part of (W3C), if there is one.
    """

    id: str
    probe: str
    sent: Mapping[str, str]
    canary: CanaryIdentity
    at: float
    traceparent: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Labels by which everyone can tell that nothing is wrong."""
        return {
            "alertname": ALERT_NAME,
            "severity": "info",
            "synthetic": "true",
            "probe": self.probe,
        }

    @property
    def annotations(self) -> dict[str, str]:
        """What it says, and which function is to be called with what."""
        return {
            "summary": "Synthetic alert of slo-probe: nothing is wrong.",
            "description": f"Sent to measure the way of an alert through agent-sre ({self.id}).",
            "lambda_function": self.canary.name,
            "lambda_parameters": json.dumps(dict(self.sent)),
        }


def fired(alert: Alert) -> dict[str, Any]:
    """A fired alert as a structured-mode CloudEvent."""
    return _event(alert, FIRED, alert.id, {"status": "firing", "endsAt": None}, at=alert.at)


def resolved(alert: Alert, *, at: float) -> dict[str, Any]:
    """The end of an alert, likewise; its id says which one it ends.

    Args:
        alert: that was fired.
        at: wall clock seconds of its end.
    """
    ends = {"status": "resolved", "endsAt": timestamp(at)}
    return _event(alert, RESOLVED, end_of(alert.id), ends, at=at)


def end_of(run_id: str) -> str:
    """The id of the event that ends the alert of a run."""
    return f"{run_id}-resolved"


def posted(alert: Alert, *, label: str, ends_at: float | None = None) -> dict[str, Any]:
    """An alert as Alertmanager's API takes it, which adds the time at which it begins.

    A time of ours would be refused when our clock was ahead and has been set back since.

    Args:
        alert: what it says.
        label: the label to give a value of its own, so that no other alert is grouped with it.
        ends_at: wall clock seconds, to end it.
    """
    entry = {
        "labels": {**alert.labels, label: alert.id},
        "annotations": alert.annotations,
        "generatorURL": _GENERATOR,
    }
    guard(entry, alert.canary)
    return entry if ends_at is None else {**entry, "endsAt": timestamp(ends_at)}


def guard(alert: Mapping[str, Any], canary: CanaryIdentity) -> None:
    """Refuse labels and annotations that could start a real remediation or look like an incident.

    Raises:
        ForbiddenEventError: naming the broken rule.
    """
    labels, annotations = alert["labels"], alert["annotations"]
    rules = {
        "severity is info": labels.get("severity") == "info",
        "synthetic is true": labels.get("synthetic") == "true",
        "only the canary is named": annotations.get("lambda_function") == canary.name,
        "no function but the canary": "lambda_function" not in labels,
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise ForbiddenEventError(f"not sent, it breaks: {', '.join(broken)}")


def _event(
    alert: Alert, kind: str, event_id: str, ends: Mapping[str, Any], *, at: float
) -> dict[str, Any]:
    data = {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": timestamp(alert.at),
        "generatorURL": _GENERATOR,
        "fingerprint": alert.id[-16:],
        **ends,
    }
    guard(data, alert.canary)
    trace = {"traceparent": alert.traceparent} if alert.traceparent else {}
    return {
        "specversion": "1.0",
        "type": kind,
        "source": _SOURCE,
        "id": event_id,
        "time": timestamp(at),
        "datacontenttype": "application/json",
        **trace,
        "data": data,
    }
