"""Stage times derived from traces."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, TracesData

from exporter.model.bounds import Bounds
from exporter.observers.tempo.spans import SpanRole, SpanRules
from exporter.observers.tempo.stages import TraceTimes, compute_stage_times
from exporter.observers.tempo.trace import Trace, TraceSpan, parse_trace, to_hex_id
from slos.schema.contract import Stage
from tests.exporter.tempo.traces import (
    EPOCH,
    TEMPO_FORMATS,
    DrawnSpan,
    TempoFormat,
    build_trace_document,
    change_span,
    draw_handled_alert,
    remove_spans,
)

SPANS = [
    *draw_handled_alert("run"),
    DrawnSpan(20, "failed", 2.0, 3.0, 1, kind=2, error=True, service="other", attributes={"n": 7}),
]


@pytest.mark.parametrize("shape", TEMPO_FORMATS.values(), ids=TEMPO_FORMATS)
def test_every_shape_gives_the_same_trace(shape: TempoFormat) -> None:
    trace = parse_trace(build_trace_document(SPANS, shape))
    assert trace == parse_trace(build_trace_document(SPANS))
    assert (len(trace.spans), trace.partial, trace.unreadable) == (9, False, 0)
    assert trace.spans[1] == TraceSpan(
        name="alert.process",
        service="agent-sre",
        id="0000000000000002",
        parent="0000000000000001",
        start=EPOCH + 10_000_000,
        end=EPOCH + 990_000_000,
        kind="internal",
        attributes={"correlation_id": "run"},
    )
    last = trace.spans[-1]
    assert (last.service, last.kind, last.failed, last.attributes) == (
        "other",
        "server",
        True,
        {"n": 7},
    )


def test_what_protobuf_itself_makes_of_a_trace_is_read() -> None:
    batch = ResourceSpans()
    batch.resource.attributes.add(key="service.name").value.string_value = "agent-sre"
    span = batch.scope_spans.add().spans.add(
        name="lambda_function.call",
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        parent_span_id=bytes(range(8, 16)),
        start_time_unix_nano=EPOCH,
        end_time_unix_nano=EPOCH + 1,
        kind=3,
    )
    span.status.code = 2
    for key, value in {"int_value": 2**53 + 1, "double_value": 0.5, "bool_value": True}.items():
        setattr(span.attributes.add(key=key).value, key, value)
    (found,) = parse_trace(MessageToDict(TracesData(resource_spans=[batch]))).spans
    assert found == TraceSpan(
        name="lambda_function.call",
        service="agent-sre",
        id="0001020304050607",
        parent="08090a0b0c0d0e0f",
        start=EPOCH,
        end=EPOCH + 1,
        kind="client",
        failed=True,
        attributes={"int_value": 2**53 + 1, "double_value": 0.5, "bool_value": True},
    )


@given(st.binary(min_size=8, max_size=8) | st.binary(min_size=16, max_size=16))
def test_an_id_is_the_same_in_hex_and_in_every_base64(raw: bytes) -> None:
    plain, web = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    ways = [raw.hex(), raw.hex().upper(), plain, plain.rstrip("="), web, web.rstrip("=")]
    assert {to_hex_id(way) for way in ways} == {raw.hex() if any(raw) else ""}


@pytest.mark.parametrize("written", [None, 7, "", "xyz", "0" * 16, "AAAAAAAAAAA=", "a" * 15, "ü="])
def test_an_invalid_id_is_none(written: object) -> None:
    assert to_hex_id(written) == ""


def test_a_copy_of_a_span_counts_once() -> None:
    twice = build_trace_document(SPANS)
    twice["batches"] += build_trace_document(SPANS[:3])["batches"]
    assert parse_trace(twice) == parse_trace(build_trace_document(SPANS))


def test_spans_without_an_id_are_all_kept() -> None:
    broken = build_trace_document(draw_handled_alert("run")[:3])
    for span in broken["batches"][0]["scopeSpans"][0]["spans"]:
        span["spanId"] = "?"
    assert [span.id for span in parse_trace(broken).spans] == ["", "", ""]


@pytest.mark.parametrize("status", ["PARTIAL", 1])
def test_a_trace_that_is_too_large_is_partial(status: object) -> None:
    answer = build_trace_document(SPANS, TEMPO_FORMATS["tempo 2, v2"]) | {
        "status": status,
        "message": "too large",
    }
    assert parse_trace(answer).partial
    assert not parse_trace(answer | {"status": "COMPLETE"}).partial


def test_an_empty_trace_has_no_spans() -> None:
    empties: list[dict[str, Any]] = [{"trace": {}}, {"batches": []}, {"resourceSpans": [{}]}]
    assert [parse_trace(empty) for empty in empties] == [Trace()] * 3


@pytest.mark.parametrize("answer", [None, [], "trace", {}, {"trace": []}, {"batches": "x"}])
def test_an_invalid_trace_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match=r"trace|batches"):
        parse_trace(answer)


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"startTimeUnixNano": None},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": True},
        {"startTimeUnixNano": 10**400},
        {"endTimeUnixNano": 0.5},
        {"endTimeUnixNano": "\N{ARABIC-INDIC DIGIT ONE}"},
    ],
)
def test_a_span_that_is_none_is_counted_and_left_out(change: dict[str, Any]) -> None:
    broken = build_trace_document(draw_handled_alert("run"))
    broken["batches"][0]["scopeSpans"][0]["spans"][2] |= change
    trace = parse_trace(broken)
    assert (len(trace.spans), trace.unreadable) == (7, 1)


def test_odd_details_do_not_cost_a_span() -> None:
    odd = build_trace_document(draw_handled_alert("run")[:1])
    odd["batches"][0]["scopeSpans"][0]["spans"][0] |= {
        "kind": "SPAN_KIND_NEW",
        "status": None,
        "attributes": [
            None,
            {"key": 7},
            {"key": "list", "value": {"arrayValue": {}}},
            {"key": "no", "value": {"stringValue": 7}},
            {"key": "yes", "value": {"stringValue": "kept"}},
        ],
    }
    (span,) = parse_trace(odd).spans
    assert (span.kind, span.failed, span.attributes) == ("", False, {"yes": "kept"})


def test_a_span_that_was_never_closed_ends_before_it_begins() -> None:
    unclosed = build_trace_document(draw_handled_alert("run")[:1])
    del unclosed["batches"][0]["scopeSpans"][0]["spans"][0]["endTimeUnixNano"]
    (span,) = parse_trace(unclosed).spans
    assert span.seconds < 0


_KEYS = [
    "trace", "batches", "resourceSpans", "scopeSpans", "spans", "resource", "attributes", "key",
    "value", "intValue", "name", "status", "spanId", "startTimeUnixNano", "endTimeUnixNano", "kind",
]  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(_JSON)
def test_no_json_breaks_the_reading(answer: object) -> None:
    try:
        trace = parse_trace(answer)
    except ValueError:
        return
    assert all(isinstance(span, TraceSpan) for span in trace.spans)


QUEUE = 0.2
END_TO_END = QUEUE + 0.884
"""The function answered at the end of the request, and the event had waited before."""


def around(low: float, high: float) -> Any:  # noqa: ANN401 - compares like bounds
    bounds: Any = Bounds(pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5))  # type: ignore[arg-type]
    return bounds


CLOUDEVENT, SELECTION = Stage.CLOUDEVENT_PROCESSING, Stage.REMEDIATION_SELECTION
ISSUE, LAMBDA = Stage.LINEAR_ISSUE_CREATION, Stage.LAMBDA_EXECUTION
ALL: dict[Stage, Any] = {
    CLOUDEVENT: around(0.65, 0.654),
    ISSUE: around(0.3, 0.504),
    SELECTION: around(0.27, 0.276),
    LAMBDA: around(0.528, 0.534),
}
"""The wait in the queue is known within the 4 ms of the request."""


def compute_times(
    spans: Sequence[DrawnSpan],
    *,
    end_to_end: float | None = END_TO_END,
    **rest: Any,  # noqa: ANN401 - as `compute_stage_times`
) -> TraceTimes:
    trace = parse_trace(build_trace_document(spans))
    certain = None if end_to_end is None else Bounds.exactly(end_to_end)
    return compute_stage_times(trace, end_to_end=certain, **rest)


def remove_stages(*stages_gone: Stage) -> dict[Stage, Any]:
    return {stage: seconds for stage, seconds in ALL.items() if stage not in stages_gone}


def test_a_whole_trace_gives_every_stage_that_the_service_has() -> None:
    found = compute_times(draw_handled_alert("run"))
    assert (found.stages, found.failed, found.is_complete) == (ALL, frozenset(), True)


def test_without_an_execution_no_stage_counts_from_the_send() -> None:
    found = compute_times(draw_handled_alert("run"), end_to_end=None)
    assert found.stages == {LAMBDA: ALL[LAMBDA]}


def test_time_in_the_queue_counts_as_time_of_the_stages() -> None:
    """Latency from the intended time, as for all other sources: no coordinated omission."""
    later = compute_times(draw_handled_alert("run"), end_to_end=END_TO_END + 20)
    sooner = compute_times(draw_handled_alert("run"))
    for stage in (CLOUDEVENT, ISSUE, SELECTION):
        assert later.stages[stage].low == pytest.approx(sooner.stages[stage].low + 20)
    assert later.stages[LAMBDA] == ALL[LAMBDA]


RUN, OTHER = draw_handled_alert("run"), draw_handled_alert("other", first=20, start=3.0)
NO_CALL = remove_spans(RUN, "lambda_function.call", "GET", "POST")
NO_HEALTH_CHECK = remove_spans(RUN, "GET")
EARLIER = change_span(
    draw_handled_alert("other", first=20, start=-2.0), "lambda_function.call", end=-1.1
)


def draw_linear_request(start: float, end: float, **rest: Any) -> DrawnSpan:  # noqa: ANN401 - as `Drawn`
    """A request to Linear."""
    rest = {"kind": 3, "attributes": {"server.address": "api.linear.app"}, **rest}
    return DrawnSpan(9, "POST", start, end, 2, **rest)


def draw_health_check(status: int, **rest: Any) -> DrawnSpan:  # noqa: ANN401 - as `Drawn`
    """A health check of the function, as a child of the alert's span."""
    attributes = {"http.url": "http://canary/health", "http.status_code": status}
    return DrawnSpan(9, "GET", 0.35, 0.352, 2, kind=3, attributes=attributes, **rest)


@pytest.mark.parametrize(
    ("spans", "stages_found", "facts"),
    [
        pytest.param(
            [*RUN, draw_linear_request(0.31, 0.35, kind=2)], ALL, {}, id="a request to ourselves"
        ),
        pytest.param(
            [
                *change_span(RUN, "lambda_function.call", error=True),
                draw_linear_request(0.91, 0.95),
            ],
            remove_stages(LAMBDA),
            {"failed": {SpanRole.CALL}},
            id="the issue about a failed call",
        ),
        pytest.param(
            [replace(span, error=span.id in {6, 8}) for span in RUN],
            remove_stages(LAMBDA),
            {"failed": {SpanRole.CALL}},
            id="a failed call is one error",
        ),
        pytest.param(
            change_span(
                RUN,
                "lambda_function.call",
                attributes={"correlation_id": "run", "lambda_function.status": "error"},
            ),
            remove_stages(LAMBDA),
            {"failed": {SpanRole.CALL}},
            id="a function that reports an error",
        ),
        pytest.param(
            [*NO_CALL, draw_health_check(503)],
            {},
            {"failed": {SpanRole.HEALTH_REQUEST}},
            id="a failed health check",
        ),
        pytest.param(
            [*NO_CALL, DrawnSpan(9, "GET", 0.35, 5.35, 2, kind=3, error=True)],
            {},
            {"failed": {SpanRole.HEALTH_REQUEST}},
            id="a health check that hangs",
        ),
        pytest.param(
            [
                *NO_CALL,
                DrawnSpan(
                    9, "GET", 0.3, 0.4, 2, 3, error=True, attributes={"url.full": "http://jira/x"}
                ),
            ],
            {},
            {},
            id="a request to another service",
        ),
        pytest.param(
            [*RUN, draw_linear_request(0.31, 0.33, error=True)],
            remove_stages(ISSUE) | {SELECTION: around(0.25, 0.256)},
            {"failed": {SpanRole.LINEAR}},
            id="an issue that was not created",
        ),
        pytest.param(
            # A slow health check is no time of the selection.
            [*NO_HEALTH_CHECK, replace(draw_health_check(200), end=0.59)],
            ALL | {SELECTION: around(0.27, 0.514), LAMBDA: around(0.29, 0.534)},
            {},
            id="a slow health check",
        ),
        pytest.param(
            NO_HEALTH_CHECK,
            {
                CLOUDEVENT: around(0.9, 0.904),
                ISSUE: ALL[ISSUE],
                SELECTION: around(0.8, 0.808),
                LAMBDA: around(0.0, 0.004),
            },
            {},
            id="no health check",
        ),
        pytest.param(
            remove_spans(RUN, "cloudevent.handle"),
            {LAMBDA: ALL[LAMBDA]},
            {"is_complete": False},
        ),
        pytest.param(
            remove_spans(RUN, "lambda_function.call"), {}, {"is_complete": False}, id="no call"
        ),
        pytest.param(NO_CALL, {}, {}, id="nothing was called"),
        # A server span of the framework has the sender's span as its parent, wherever that is.
        pytest.param(
            [
                DrawnSpan(30, "POST /", -0.01, 1.01, 99, kind=2),
                *change_span(RUN, "cloudevent.handle", parent=30),
            ],
            ALL,
            {},
            id="a parent is missing",
        ),
        pytest.param(
            [
                DrawnSpan(40, "cloudevent.handle", -5.0, 5.0, service="prometheus-events"),
                DrawnSpan(41, "lambda_function.call", 0.0, 0.9, 2, service="slo-probe"),
                DrawnSpan(42, "verification", 0.0, 0.9, 2, service="canary"),
                *change_span(RUN, "cloudevent.handle", parent=40),
            ],
            ALL,
            {},
            id="other services",
        ),
        pytest.param(RUN + draw_handled_alert("run", first=20, start=3.0), ALL, {}, id="twice"),
        pytest.param(RUN + EARLIER, ALL, {}, id="another event before"),
        # Calls that overlap are taken off once.
        pytest.param(
            [*RUN, DrawnSpan(9, "lambda_function.call", 0.8, 0.95, 2)],
            ALL | {CLOUDEVENT: around(0.6, 0.604)},
            {},
            id="a second call",
        ),
        pytest.param(
            change_span(RUN, "lambda_function.call", end=7.0),
            ALL | {CLOUDEVENT: around(0.55, 0.554)},
            {},
            id="a call that outlives the handling",
        ),
        pytest.param(
            change_span(RUN, "alert.process", parent=6) + OTHER, ALL, {}, id="a circle of parents"
        ),
        pytest.param([], {}, {"is_complete": False}, id="nothing"),
    ],
)
def test_stages_of_a_trace(
    spans: list[DrawnSpan], stages_found: dict[Stage, Any], facts: dict[str, Any]
) -> None:
    found = compute_times(spans, correlation_id="run")
    assert found.stages == stages_found
    expected = {"failed": set(), "is_complete": True} | facts
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_call_that_ends_before_it_begins_is_dropped() -> None:
    found = compute_times(change_span(RUN, "lambda_function.call", end=0.3))
    assert LAMBDA not in found.stages


@pytest.mark.parametrize(
    ("attributes", "is_linear"),
    [
        ({"url.full": "https://api.linear.app/graphql"}, True),
        ({"http.url": "https://API.linear.app:443/graphql"}, True),
        ({"server.address": "api.linear.app"}, True),
        ({"net.peer.name": "api.linear.app"}, True),
        ({"http.host": "api.linear.app:443"}, True),
        ({"http.url": "http://[broken", "server.address": "api.linear.app"}, True),
        ({"url.full": "https://api.linear.app.example/?x=api.linear.app"}, False),
    ],
)
def test_a_call_to_linear_is_known_by_its_host(
    attributes: dict[str, str], *, is_linear: bool
) -> None:
    found = compute_times(
        [*RUN[:2], *RUN[4:], draw_linear_request(0.1, 0.2, attributes=attributes)]
    )
    assert found.stages.get(ISSUE) == (around(0.3, 0.404) if is_linear else None)


def test_a_stand_in_for_linear_is_a_matter_of_settings() -> None:
    spans = change_span(
        draw_handled_alert("run"), "POST", attributes={"server.address": "linear.test"}
    )
    rules = SpanRules(linear_hosts=frozenset({"linear.test"}))
    assert Stage.LINEAR_ISSUE_CREATION in compute_times(spans, rules=rules).stages


def test_verification_is_a_span_by_name_and_absent_otherwise() -> None:
    span = DrawnSpan(9, "remediation.verify", 0.9, 0.95, 2)
    found = compute_times([*draw_handled_alert("run"), span])
    assert found.stages[Stage.VERIFICATION] == around(0.05, 0.05)
    rules = SpanRules(verification=frozenset({"check"}))
    assert compute_times([*draw_handled_alert("run"), span], rules=rules).stages == ALL


def test_a_trace_that_tempo_cut_is_not_whole() -> None:
    cut = {
        "trace": build_trace_document(
            remove_spans(draw_handled_alert("run"), "lambda_function.call", "GET", "POST")
        )
    }
    found = compute_stage_times(parse_trace(cut | {"status": "PARTIAL"}))
    assert (found.stages, found.is_complete) == ({}, False)


def test_a_span_whose_parent_is_missing_goes_to_the_handling_begun_last() -> None:
    both = draw_handled_alert("run") + draw_handled_alert("other", first=20, start=3.0)
    orphan = DrawnSpan(50, "verification", 3.5, 3.6, 99)
    assert Stage.VERIFICATION not in compute_times([*both, orphan], correlation_id="run").stages
    assert Stage.VERIFICATION in compute_times([*both, orphan], correlation_id="other").stages


_NAMES = ["cloudevent.handle", "alert.process", "lambda_function.call", "POST", "verification"]
_SPANS = st.builds(
    DrawnSpan,
    id=st.integers(1, 12),
    name=st.sampled_from(_NAMES),
    start=st.integers(0, 20),
    end=st.integers(0, 20),
    parent=st.integers(0, 12),
    kind=st.integers(0, 3),
    error=st.booleans(),
    service=st.sampled_from(["agent-sre", "other", ""]),
    attributes=st.sampled_from(
        [{}, {"correlation_id": "run"}, {"server.address": "api.linear.app"}]
    ),
)


@given(spans=st.lists(_SPANS, max_size=12), end_to_end=st.none() | st.floats(0, 30))
def test_no_trace_gives_a_negative_time(spans: list[DrawnSpan], end_to_end: float | None) -> None:
    found = compute_times(spans, correlation_id="run", end_to_end=end_to_end)
    assert all(-1e-5 <= bounds.low <= bounds.high + 1e-5 for bounds in found.stages.values())
    assert Stage.END_TO_END not in found.stages


@given(st.permutations(draw_handled_alert("run")))
def test_the_order_of_spans_in_the_answer_does_not_matter(spans: list[DrawnSpan]) -> None:
    assert compute_times(spans) == compute_times(draw_handled_alert("run"))
