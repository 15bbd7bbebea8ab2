"""OTLP traces: exported spans, export failures, disabled tracing."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from exporter import tracing
from exporter.tracing import NoopTracer, Tracer, otlp
from tests.exporter.conftest import Serve
from tests.exporter.slo_probe import ROOT, wait_until


@dataclass
class Receiver:
    """Takes spans; `status` and `hang` make it fail."""

    status: int = 200
    hang: bool = False
    requests: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    bodies: bytes = b""
    resource: dict[str, str] = field(default_factory=dict)
    scope: str = ""
    spans: dict[str, Span] = field(default_factory=dict)
    """By name."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, _: web.Application) -> None:
        self.over.set()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.headers = request.headers
        body = await request.read()
        if self.hang:
            await self.over.wait()
        if self.status == 200:
            self.bodies += body
            self._keep(ExportTraceServiceRequest.FromString(body))
        return web.Response(status=self.status)

    def _keep(self, sent: ExportTraceServiceRequest) -> None:
        for batch in sent.resource_spans:
            self.resource = {
                each.key: each.value.string_value for each in batch.resource.attributes
            }
            for scope in batch.scope_spans:
                self.scope = scope.scope.name
                self.spans |= {span.name: span for span in scope.spans}


Make = Callable[..., Awaitable[Tracer]]


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def tracer(
    serving: Serve, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Make]:
    """Make a tracer that exports to the receiver, with variables of one's own."""
    made: list[Tracer] = []
    url = await serving(receiver.app())

    async def make(**variables: str) -> Tracer:
        for name in os.environ:
            if name.startswith("OTEL_"):
                monkeypatch.delenv(name)
        defaults = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
        for name, value in (defaults | variables).items():
            monkeypatch.setenv(name, value)
        made.append(tracing.build_tracer())
        return made[-1]

    yield make
    receiver.hang = False
    for each in made:
        await each.close()


def record_span(made: Tracer) -> None:
    """One span."""
    with made.start_span("probe"):
        pass


async def test_a_span_arrives_whole(tracer: Make, receiver: Receiver) -> None:
    made = await tracer()
    with made.start_span("probe", {"probe": "remediation", "n": 7}, start=1_700_000_000.25) as span:
        span.set_attribute("verdict", "ok")
        traceparent, trace_id = span.traceparent, span.trace_id
    await made.close()
    arrived = receiver.spans["probe"]
    plain = {each.key: each.value for each in arrived.attributes}
    assert (plain["probe"].string_value, plain["n"].int_value) == ("remediation", 7)
    assert plain["verdict"].string_value == "ok"
    assert arrived.start_time_unix_nano == 1_700_000_000_250_000_000
    assert traceparent == f"00-{arrived.trace_id.hex()}-{arrived.span_id.hex()}-01"
    assert trace_id == arrived.trace_id.hex()
    assert (receiver.scope, receiver.resource["service.name"]) == ("slo-probe", "slo-probe")
    assert receiver.headers["Content-Type"] == "application/x-protobuf"


async def test_nested_spans_are_children(tracer: Make, receiver: Receiver) -> None:
    made = await tracer()

    async def run(name: str) -> None:
        with made.start_span(name):
            await asyncio.sleep(0)
            with made.start_span(f"{name} post"):
                await asyncio.sleep(0)

    await asyncio.gather(run("a"), run("b"))
    await made.close()
    for name in ("a", "b"):
        parent, child = receiver.spans[name], receiver.spans[f"{name} post"]
        assert (child.parent_span_id, child.trace_id) == (parent.span_id, parent.trace_id)
        assert parent.parent_span_id == b""
    assert receiver.spans["a"].trace_id != receiver.spans["b"].trace_id


async def test_an_error_marks_the_span(tracer: Make, receiver: Receiver) -> None:
    made = await tracer()
    with pytest.raises(KeyError), made.start_span("broke"):
        raise KeyError("hunter2")
    with made.start_span("lost") as span:
        span.mark_failed("lost")
    with pytest.raises(asyncio.CancelledError), made.start_span("cancelled"):
        raise asyncio.CancelledError
    await made.close()
    found = {name: (span.status.code, span.status.message) for name, span in receiver.spans.items()}
    assert found == {
        "broke": (Status.STATUS_CODE_ERROR, "KeyError"),
        "lost": (Status.STATUS_CODE_ERROR, "lost"),
        "cancelled": (Status.STATUS_CODE_UNSET, ""),
    }
    assert b"hunter2" not in receiver.bodies


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_SERVICE_NAME": "prober"},
        {"OTEL_RESOURCE_ATTRIBUTES": "service.name=prober,service.namespace=ai"},
    ],
)
async def test_the_service_name(
    tracer: Make, receiver: Receiver, variables: dict[str, str]
) -> None:
    made = await tracer(**variables)
    record_span(made)
    await made.close()
    assert receiver.resource["service.name"] == "prober"


async def test_the_sampler_of_the_variables_decides(tracer: Make, receiver: Receiver) -> None:
    made = await tracer(OTEL_TRACES_SAMPLER="always_off")
    with made.start_span("probe") as span:
        assert str(span.traceparent).endswith("-00")
    await made.close()
    assert receiver.requests == 0


async def test_spans_leave_without_waiting_for_the_end(tracer: Make, receiver: Receiver) -> None:
    made = await tracer()
    record_span(made)

    async def arrived() -> bool:
        return "probe" in receiver.spans

    await wait_until(arrived)


async def test_no_process_wide_provider_is_set(tracer: Make) -> None:
    before = trace._TRACER_PROVIDER
    made = await tracer()
    with made.start_span("probe"):
        assert trace._TRACER_PROVIDER is before is None


def list_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]


async def test_a_failing_receiver_is_logged_once(
    tracer: Make, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receiver.status = 400
    made = await tracer(OTEL_EXPORTER_OTLP_HEADERS="x-key=hunter2")

    async def spans_until(requests: int) -> None:
        async def enough() -> bool:
            record_span(made)
            return receiver.requests >= requests

        await wait_until(enough)

    await spans_until(4)
    assert list_messages(caplog) == [
        "spans cannot be exported; they are dropped until the export works again"
    ]
    receiver.status = 200
    await spans_until(8)
    await made.close()
    assert list_messages(caplog)[1:] == ["spans are exported again"]
    assert receiver.headers["x-key"] == "hunter2"
    assert "hunter2" not in caplog.text


async def test_no_receiver_is_logged_once(tracer: Make, caplog: pytest.LogCaptureFixture) -> None:
    made = await tracer(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://user:hunter2@127.0.0.1:9",
        OTEL_EXPORTER_OTLP_TIMEOUT="0.1",
    )

    async def told() -> bool:
        record_span(made)
        return bool(list_messages(caplog))

    await wait_until(told)
    await made.close()
    assert list_messages(caplog) == [
        "spans cannot be exported; they are dropped until the export works again"
    ]
    assert "hunter2" not in caplog.text


async def test_the_end_does_not_wait_for_a_receiver_that_hangs(
    tracer: Make,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(otlp, "_SHUTDOWN_TIMEOUT", 0.1)
    receiver.hang = True
    made = await tracer()
    record_span(made)
    async with asyncio.timeout(2):
        await made.close()
    assert "the last spans were not exported in 0.1 s" in list_messages(caplog)


async def test_a_full_queue_drops_spans(
    tracer: Make, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.hang = True
    made = await tracer(OTEL_BSP_MAX_QUEUE_SIZE="1", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="1")
    for _ in range(100):
        record_span(made)
    assert list_messages(caplog) == []
    receiver.over.set()


async def test_after_the_end_spans_do_nothing(tracer: Make, receiver: Receiver) -> None:
    made = await tracer()
    await made.close()
    await made.close()
    with made.start_span("late") as span:
        assert span.traceparent is None
    assert receiver.spans == {}


async def test_a_bad_number_is_logged(tracer: Make, caplog: pytest.LogCaptureFixture) -> None:
    await tracer(OTEL_BSP_SCHEDULE_DELAY="soon")
    assert "OTEL_BSP_SCHEDULE_DELAY" in caplog.text
    assert "Traceback" not in caplog.text


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
TRACES = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}

SWITCHES: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
    (TRACES | {"OTEL_TRACES_EXPORTER": "none"}, False),
    (TRACES | {"OTEL_TRACES_EXPORTER": "console, zipkin"}, False),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
    ({"OTEL_SERVICE_NAME": "prober"}, False),
    ({"OTEL_TRACES_EXPORTER": "otlp"}, False),
    (ENDPOINT, True),
    (TRACES, True),
    (ENDPOINT | {"OTEL_SDK_DISABLED": "false"}, True),
    (ENDPOINT | {"OTEL_SDK_DISABLED": "yes"}, True),
    (TRACES | {"OTEL_TRACES_EXPORTER": ""}, True),
    (TRACES | {"OTEL_TRACES_EXPORTER": "console,OTLP"}, True),
]


@pytest.fixture(autouse=True)
def _clear_otel_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(("environ", "on"), SWITCHES)
def test_an_endpoint_switches_it_on_unless_told_otherwise(
    environ: Mapping[str, str], *, on: bool
) -> None:
    assert tracing.is_enabled(environ) is on


async def test_a_span_that_is_off_does_nothing_and_passes_errors_on() -> None:
    tracer = tracing.build_tracer()
    with tracer.start_span("probe", {"probe": "remediation"}, start=1.0) as span:
        span.set_attribute("verdict", "ok")
        span.mark_failed("lost")
        assert (span.trace_id, span.traceparent) == (None, None)
    with pytest.raises(KeyError), tracer.start_span("probe"):
        raise KeyError
    await tracer.close()


@pytest.mark.parametrize("environ", [environ for environ, _ in SWITCHES[:3]])
def test_nothing_of_opentelemetry_is_loaded_while_it_is_off(environ: dict[str, str]) -> None:
    program = (
        "import sys\n"
        "from exporter import tracing\n"
        "from exporter.app import process\n"
        "with tracing.build_tracer().start_span('x'): pass\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'google.'))])\n"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=plain | {"PYTHONPATH": str(ROOT)} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]"), ended.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "only http/protobuf is supported"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "only http/protobuf is supported"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "invalid OTEL_ variable"),
        ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "hunter2", "invalid OTEL_ variable"),
    ],
)
def test_invalid_settings_are_logged_and_probing_continues(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv(*next(iter(ENDPOINT.items())))
    monkeypatch.setenv(name, value)
    assert isinstance(tracing.build_tracer(), NoopTracer)
    assert told in caplog.text
    assert "hunter2" not in caplog.text
