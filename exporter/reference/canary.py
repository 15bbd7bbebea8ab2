"""Reference of the protocol of the canary: its paths, a call and its reply, and the outcomes."""

import json
from collections.abc import Mapping

from exporter.prober.canary import BODY_TIMEOUT, MAX_BODY_BYTES, REQUIRED_HEADERS, build_reply
from exporter.reference.event import build_example_alert
from slos.schema.contract import CanaryOutcome
from slos.schema.reference_page import render_row

PATHS = {
    ("GET", "/health"): (
        "Health check of agent-sre before each call. The reply is 200. It is the first contact of "
        "a run ([stages](operating.md#stages)); health checks of the kubelet do not count."
    ),
    ("POST", "/"): "Call of the function, a CloudEvent in binary mode.",
    ("POST", "/alertmanager"): (
        "Webhook of Alertmanager. A firing alert with the id of a run in flight in a label starts "
        "its latencies, with `clock: webhook`. The reply is always 200."
    ),
    ("*", "/{astray:.+}"): (
        "The reply is 404. A run in flight whose id is in the path is `corrupted`."
    ),
}
OUTCOMES: Mapping[CanaryOutcome, tuple[int, str]] = {
    CanaryOutcome.EXECUTED: (200, "The call names a run in flight, and its body is a JSON object."),
    CanaryOutcome.AFTER_VERDICT: (200, "The run has its verdict, and the call does not change it."),
    CanaryOutcome.UNKNOWN_ID: (404, "The call names no run of this prober."),
    CanaryOutcome.MALFORMED: (
        400,
        (
            "A required header is missing, or the body is no JSON object. A run in flight that a "
            "header names is `corrupted`."
        ),
    ),
}
_TEXT = """
## The canary

agent-sre calls the function that the event names, at `http://<name>.<namespace>.svc.cluster.local/`.
The Service leads to `canary.listen`, where the prober itself is the function.

| request | meaning |
|---|---|
"""
_CALL_TEXT = f"""
A call has the headers {", ".join(f"`{name}`" for name in REQUIRED_HEADERS)} and the parameters of
the event as its body, at most {MAX_BODY_BYTES:,} bytes that arrive within {BODY_TIMEOUT:.0f} s.
Further headers and parameters are ignored:
"""
_REPLY_TEXT = """
The reply is a CloudEvent in binary mode as well:
"""
_OUTCOME_TEXT = """
The run is that of the first id that is found in the parameter `probe_id`, the header `ce-id` and
the header `ce-correlationid`. Each call has an outcome. Those of calls that belong to no load
scenario are counted in `agent_sre_validation_canary_requests_total`:

| outcome | status | condition |
|---|---|---|
"""
_EXECUTED_TEXT = """
Each call with the outcome `executed` is an execution of the run. A run is `ok` if its event was
accepted and it was executed once: with every parameter of the event unchanged, without the id of
another run, and with a reply within `late_after`. After two executions it is `duplicated`, and
with a changed parameter or the id of another run `corrupted` ([verdicts](operating.md#verdicts)).
"""


def build_example_call() -> tuple[dict[str, str], str]:
    """Build the headers and the body of a call, as agent-sre sends them."""
    alert = build_example_alert()
    headers = {
        "ce-specversion": "1.0",
        "ce-type": "io.homelab.agent-sre.remediation.request",
        "ce-source": "agent-sre",
        "ce-id": alert.id,
        "ce-correlationid": alert.id,
    }
    return headers, json.dumps(dict(alert.parameters))


def render_canary_section() -> list[str]:
    """Render the section of the page, as lines."""
    reply = build_reply(build_example_alert().id)
    return [
        *_TEXT.strip().splitlines(),
        *(render_row((_name_path(*path), meaning)) for path, meaning in PATHS.items()),
        *_CALL_TEXT.splitlines(),
        "",
        *_render_message("POST / HTTP/1.1", *build_example_call()),
        *_REPLY_TEXT.splitlines(),
        "",
        *_render_message(f"HTTP/1.1 {reply.status} OK", reply.headers, reply.text or ""),
        *_OUTCOME_TEXT.splitlines(),
        *(
            render_row((f"`{outcome}`", str(status), condition))
            for outcome, (status, condition) in OUTCOMES.items()
        ),
        *_EXECUTED_TEXT.splitlines(),
    ]


def _name_path(method: str, path: str) -> str:
    return "any other path" if method == "*" else f"`{method} {path}`"


def _render_message(first_line: str, headers: Mapping[str, str], body: str) -> list[str]:
    lines = (f"{name}: {value}" for name, value in headers.items())
    return ["```http", first_line, *lines, "", body, "```"]
