"""Tracing that is off costs nothing; what switches it on is the environment alone."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from exporter import tracing
from exporter.tracing import NoTracer
from tests.exporter.conftest import ROOT

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
TRACES = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}

OFF: list[dict[str, str]] = [
    {},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
    {"OTEL_SERVICE_NAME": "prober"},
    {"OTEL_TRACES_EXPORTER": "otlp"},
    ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"},
    TRACES | {"OTEL_TRACES_EXPORTER": "none"},
    TRACES | {"OTEL_TRACES_EXPORTER": "console, zipkin"},
]
ON: list[dict[str, str]] = [
    ENDPOINT,
    TRACES,
    ENDPOINT | {"OTEL_SDK_DISABLED": "false"},
    ENDPOINT | {"OTEL_SDK_DISABLED": "yes"},
    TRACES | {"OTEL_TRACES_EXPORTER": ""},
    TRACES | {"OTEL_TRACES_EXPORTER": "console,OTLP"},
]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("environ", OFF)
def test_without_an_endpoint_or_against_a_switch_it_is_off(environ: Mapping[str, str]) -> None:
    assert not tracing.switched_on(environ)


@pytest.mark.parametrize("environ", ON)
def test_an_endpoint_switches_it_on(environ: Mapping[str, str]) -> None:
    assert tracing.switched_on(environ)


async def test_a_span_that_is_off_does_nothing_and_passes_errors_on() -> None:
    tracer = tracing.tracer()
    with tracer.span("probe", {"probe": "remediation"}, start=1.0) as span:
        span.note("verdict", "ok")
        span.fail("lost")
        assert (span.trace_id, span.traceparent) == (None, None)
    with pytest.raises(KeyError), tracer.span("probe"):
        raise KeyError
    await tracer.close()


@pytest.mark.parametrize("environ", [OFF[0], OFF[4], OFF[5]])
def test_nothing_of_opentelemetry_is_loaded_while_it_is_off(environ: dict[str, str]) -> None:
    program = (
        "import sys\n"
        "from exporter import app, tracing\n"
        "with tracing.tracer().span('x'): pass\n"
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
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "only http/protobuf is spoken"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "only http/protobuf is spoken"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "an OTEL_ variable is wrong"),
        ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "hunter2", "variable is wrong"),
    ],
)
def test_what_cannot_work_is_said_and_probing_goes_on(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv(*next(iter(ENDPOINT.items())))
    monkeypatch.setenv(name, value)
    assert isinstance(tracing.tracer(), NoTracer)
    assert told in caplog.text
    assert "hunter2" not in caplog.text
