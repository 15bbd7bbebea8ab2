"""Spans of the prober itself, exported by OTLP when the standard variables ask for it.

Off by default, and then nothing of opentelemetry is loaded. What a span is called and holds is
up to whoever opens it.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Value = str | bool | int | float
"""What an attribute may hold."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"
_log = logging.getLogger(__name__)


class Span(Protocol):
    """A span while it is open."""

    @property
    def trace_id(self) -> str | None:
        """The trace in hex, or None when there is none."""

    @property
    def traceparent(self) -> str | None:
        """What an event carries to take part in the trace (W3C), or None."""

    def note(self, name: str, value: Value) -> None:
        """Set an attribute."""

    def fail(self, why: str) -> None:
        """Mark as failed; `why` comes from a closed set, like a verdict."""


class Tracer(Protocol):
    """Opens spans; one within another becomes its child."""

    def span(
        self,
        name: str,
        attributes: Mapping[str, Value] | None = None,
        *,
        start: float | None = None,
    ) -> AbstractContextManager[Span]:
        """A span for the time of a block, begun now or at some wall clock seconds."""

    async def close(self) -> None:
        """Export what is left, but not at any price."""


class NoSpan:
    """A span nobody wants."""

    trace_id: str | None = None
    traceparent: str | None = None

    def note(self, name: str, value: Value) -> None:
        """Do nothing."""

    def fail(self, why: str) -> None:
        """Do nothing."""


class NoTracer:
    """Tracing that is off."""

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002 - the protocol's
        attributes: Mapping[str, Value] | None = None,  # noqa: ARG002 - likewise
        *,
        start: float | None = None,  # noqa: ARG002 - likewise
    ) -> Iterator[Span]:
        """A span nobody wants."""
        yield NoSpan()

    async def close(self) -> None:
        """Do nothing."""


def switched_on(environ: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for spans: an endpoint, and nothing against it."""
    exporters = _names(environ.get("OTEL_TRACES_EXPORTER", ""))
    return (
        any(environ.get(name, "").strip() for name in _ENDPOINTS)
        and environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and (not exporters or "otlp" in exporters)
    )


def tracer() -> Tracer:
    """What the environment asks for; never an error, for tracing is no reason not to probe."""
    environ = os.environ
    if not switched_on(environ):
        return NoTracer()
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), _SPOKEN)
    if protocol.strip().lower() != _SPOKEN:
        _log.warning("spans are not exported: only %s is spoken, set %s", _SPOKEN, _PROTOCOLS[0])
        return NoTracer()
    try:
        from exporter.tracing.otlp import OtlpTracer  # noqa: PLC0415 - loaded only when it is on

        return OtlpTracer()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a variable must not end the probing
        _log.warning("spans are not exported: an OTEL_ variable is wrong: %s", type(error).__name__)
        return NoTracer()


def _names(text: str) -> set[str]:
    return {name.strip().lower() for name in text.split(",") if name.strip()}
