"""OTLP JSON in every shape that occurs gives the same trace; what is broken is counted."""

import base64
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, TracesData

from exporter.tempo.reading import hex_id, read_trace
from exporter.tempo.trace import Span, Trace
from tests.exporter.tempo.recorded import EPOCH, SHAPES, Drawn, Shape, document, handled

SPANS = [
    *handled("run"),
    Drawn(20, "failed", 2.0, 3.0, 1, kind=2, error=True, service="other", attributes={"n": 7}),
]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_gives_the_same_trace(shape: Shape) -> None:
    trace = read_trace(document(SPANS, shape))
    assert trace == read_trace(document(SPANS))
    assert (len(trace.spans), trace.partial, trace.unreadable) == (9, False, 0)
    assert trace.spans[1] == Span(
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
    (found,) = read_trace(MessageToDict(TracesData(resource_spans=[batch]))).spans
    assert found == Span(
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
    assert {hex_id(way) for way in ways} == {raw.hex() if any(raw) else ""}


@pytest.mark.parametrize("written", [None, 7, "", "xyz", "0" * 16, "AAAAAAAAAAA=", "a" * 15, "ü="])
def test_what_is_no_id_is_none(written: object) -> None:
    assert hex_id(written) == ""


def test_a_copy_of_a_span_counts_once() -> None:
    twice = document(SPANS)
    twice["batches"] += document(SPANS[:3])["batches"]
    assert read_trace(twice) == read_trace(document(SPANS))


def test_spans_without_an_id_are_all_kept() -> None:
    broken = document(handled("run")[:3])
    for span in broken["batches"][0]["scopeSpans"][0]["spans"]:
        span["spanId"] = "?"
    assert [span.id for span in read_trace(broken).spans] == ["", "", ""]


@pytest.mark.parametrize("status", ["PARTIAL", 1])
def test_a_trace_that_is_too_large_is_partial(status: object) -> None:
    answer = document(SPANS, SHAPES["tempo 2, v2"]) | {"status": status, "message": "too large"}
    assert read_trace(answer).partial
    assert not read_trace(answer | {"status": "COMPLETE"}).partial


def test_an_empty_trace_has_no_spans() -> None:
    empties: list[dict[str, Any]] = [{"trace": {}}, {"batches": []}, {"resourceSpans": [{}]}]
    assert [read_trace(empty) for empty in empties] == [Trace()] * 3


@pytest.mark.parametrize("answer", [None, [], "trace", {}, {"trace": []}, {"batches": "x"}])
def test_what_is_no_trace_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match=r"trace|batches"):
        read_trace(answer)


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
    broken = document(handled("run"))
    broken["batches"][0]["scopeSpans"][0]["spans"][2] |= change
    trace = read_trace(broken)
    assert (len(trace.spans), trace.unreadable) == (7, 1)


def test_odd_details_do_not_cost_a_span() -> None:
    odd = document(handled("run")[:1])
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
    (span,) = read_trace(odd).spans
    assert (span.kind, span.failed, span.attributes) == ("", False, {"yes": "kept"})


def test_a_span_that_was_never_closed_ends_before_it_begins() -> None:
    unclosed = document(handled("run")[:1])
    del unclosed["batches"][0]["scopeSpans"][0]["spans"][0]["endTimeUnixNano"]
    (span,) = read_trace(unclosed).spans
    assert span.seconds < 0


_KEYS = [
    "trace",
    "batches",
    "resourceSpans",
    "scopeSpans",
    "spans",
    "resource",
    "attributes",
    "key",
    "value",
    "intValue",
    "name",
    "status",
    "spanId",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "kind",
]
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
        trace = read_trace(answer)
    except ValueError:
        return
    assert all(isinstance(span, Span) for span in trace.spans)
