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
ALERT_NAME = "SloProbeSynthetic"
_SOURCE = "slo-probe"
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


def fired(
    run_id: str, *, probe: str, sent: Mapping[str, str], canary: CanaryIdentity, at: float
) -> dict[str, Any]:
    """A fired alert as a structured-mode CloudEvent.

    Args:
        run_id: the id of the run.
        probe: the name of the probe, for whoever reads the alert.
        sent: the parameters for the canary.
        canary: the function to name.
        at: wall clock seconds of the intended send.
    """
    event = {
        "specversion": "1.0",
        "type": FIRED,
        "source": _SOURCE,
        "id": run_id,
        "time": timestamp(at),
        "datacontenttype": "application/json",
        "data": {
            "status": "firing",
            "labels": _labels(probe),
            "annotations": _annotations(run_id, sent, canary),
            "startsAt": timestamp(at),
            "endsAt": None,
            "generatorURL": "https://slo-probe.invalid/",
            "fingerprint": run_id[-16:],
        },
    }
    guard(event, canary)
    return event


def guard(event: Mapping[str, Any], canary: CanaryIdentity) -> None:
    """Refuse an event that could be taken for a real alert or start a real remediation.

    Raises:
        ForbiddenEventError: naming the broken rule.
    """
    data = event["data"]
    rules = {
        "severity is info": data["labels"].get("severity") == "info",
        "synthetic is true": data["labels"].get("synthetic") == "true",
        "only the canary is named": data["annotations"].get("lambda_function") == canary.name,
        "no function but the canary": "lambda_function" not in data["labels"],
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise ForbiddenEventError(f"not sent, it breaks: {', '.join(broken)}")


def _labels(probe: str) -> dict[str, str]:
    return {
        "alertname": ALERT_NAME,
        "severity": "info",
        "synthetic": "true",
        "probe": probe,
    }


def _annotations(run_id: str, sent: Mapping[str, str], canary: CanaryIdentity) -> dict[str, str]:
    return {
        "summary": "Synthetic alert of slo-probe: nothing is wrong.",
        "description": f"Sent to measure the way of an alert through agent-sre ({run_id}).",
        "lambda_function": canary.name,
        "lambda_parameters": json.dumps(dict(sent)),
    }
