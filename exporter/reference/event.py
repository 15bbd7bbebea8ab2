"""Reference of the event that the prober sends: an example from the code that builds it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from exporter.config.model import CanarySettings
from exporter.model.alert import (
    CONTENT_TYPE,
    FIRED,
    RESOLVED,
    Alert,
    CanaryIdentity,
    build_fired_event,
    build_parameters,
)
from slos.schema.reference_page import render_row

_TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
_FIELDS = {
    "specversion": "Version of CloudEvents.",
    "type": f"`{FIRED}`; for the end of an alert, which the probe `resolved` sends, `{RESOLVED}`.",
    "source": "Always the same.",
    "id": "Id of the run; for the end of an alert, with `-resolved` appended.",
    "time": "Scheduled time of the send, or the time of the end.",
    "datacontenttype": "Media type of `data`.",
    "traceparent": "W3C trace context, if traces are exported. On the path `direct` also a header.",
    "data.labels.alertname": "Always the same.",
    "data.labels.severity": "Always the same.",
    "data.labels.synthetic": "Always the same.",
    "data.labels.probe": "Name of the probe.",
    "data.annotations.summary": "Always the same.",
    "data.annotations.description": "Text with the id of the run.",
    "data.annotations.lambda_function": "Function to call: `canary.name`.",
    "data.annotations.lambda_parameters": (
        "JSON text of the parameters that the canary must receive: the id of the run, a random "
        "nonce, and `canary.name` and `canary.namespace`."
    ),
    "data.startsAt": "Scheduled time of the send.",
    "data.endsAt": "Time of the end; null while the alert fires.",
    "data.generatorURL": "Always the same; the host does not exist.",
    "data.fingerprint": "Last 16 characters of the id of the run.",
    "data.status": "`firing` or `resolved`.",
}

_TEXT = f"""
## The event

On the path `direct` an alert is a POST of a [CloudEvent](https://cloudevents.io) in structured mode
to `target.url`, with the content type `{CONTENT_TYPE}`. The path `broker` sends the same event. The
path `alertmanager` posts the labels and annotations to `/api/v2/alerts`, with the id of the run in
the label that `grouping_label` names.
"""
_REPLY_TEXT = """
A 2xx reply accepts the event. On the path `direct` it also has to be a JSON object with `status`
`processed` and the id of the event in `event_id` and `correlation_id`; otherwise the run is
`rejected` with the reason `unexpected_reply`:
"""


def build_example_alert() -> Alert:
    """Build an alert that is the same each time."""
    settings = CanarySettings()
    canary = CanaryIdentity(settings.name, settings.namespace)
    run_id = f"slo-probe-{'5f' * 16}"
    return Alert(
        id=run_id,
        probe="remediation",
        parameters={**build_parameters(run_id, canary), "nonce": "a3" * 16},
        canary=canary,
        intended_at=1_767_225_600.0,
        traceparent=f"00-{_TRACE_ID}-00f067aa0ba902b7-01",
    )


def build_example_reply(alert: Alert) -> dict[str, str]:
    """Build the reply that agent-sre documents."""
    return {"status": "processed", "event_id": alert.id, "correlation_id": alert.id}


def render_event_section() -> list[str]:
    """Render the section of the page, as lines."""
    alert = build_example_alert()
    event = json.loads(build_fired_event(alert))
    return [
        *_TEXT.strip().splitlines(),
        "",
        "| attribute | example | meaning |",
        "|---|---|---|",
        *(
            render_row((f"`{name}`", f"`{value}`", _FIELDS[name]))
            for name, value in _flatten_event(event, ())
        ),
        "",
        *_render_json(event),
        *_REPLY_TEXT.splitlines(),
        "",
        *_render_json(build_example_reply(alert)),
    ]


def _render_json(value: Mapping[str, Any]) -> list[str]:
    return ["```json", *json.dumps(value, indent=2).splitlines(), "```"]


def _flatten_event(value: object, place: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """List the names of all attributes with their values."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten_event(inner, (*place, key))
    else:
        yield ".".join(place), value if isinstance(value, str) else json.dumps(value)
