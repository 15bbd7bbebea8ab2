"""Spans of the prober itself, exported by OTLP when the standard OTEL_ variables ask for it.

Off by default; opentelemetry is not loaded then. Names and attributes of spans belong to the code
that starts them.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Value = str | bool | int | float
"""Types of an attribute's value."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"
_log = logging.getLogger(__name__)


class Span(Protocol):
    """Open span."""

    @property
    def trace_id(self) -> str | None:
        """Trace id in hex; None when there is no trace."""

    @property
    def traceparent(self) -> str | None:
        """W3C traceparent that an event carries to take part in the trace; None without a trace."""

    def note(self, name: str, value: Value) -> None:
        """Set an attribute."""

    def fail(self, why: str) -> None:
        """Mark the span as failed; `reason` comes from a closed set, like a verdict."""


class Tracer(Protocol):
    """Tracer that starts spans; a span within another becomes its child."""

    def span(
        self,
        name: str,
        attributes: Mapping[str, Value] | None = None,
        *,
        start: float | None = None,
    ) -> AbstractContextManager[Span]:
        """Start a span for the time of a block, now or at a time in seconds since 1970."""

    async def close(self) -> None:
        """Export the remaining spans, within a time limit."""


class NoSpan:
    """Span that is not recorded."""

    trace_id: str | None = None
    traceparent: str | None = None

    def note(self, name: str, value: Value) -> None:
        """Do nothing."""

    def fail(self, why: str) -> None:
        """Do nothing."""


class NoTracer:
    """Tracer that records nothing."""

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002 - the protocol's
        attributes: Mapping[str, Value] | None = None,  # noqa: ARG002 - likewise
        *,
        start: float | None = None,  # noqa: ARG002 - likewise
    ) -> Iterator[Span]:
        """Yield a span that is not recorded."""
        yield NoSpan()

    async def close(self) -> None:
        """Do nothing."""


def switched_on(environ: Mapping[str, str]) -> bool:
    """Return True if the standard variables ask for spans.

    An endpoint is set then, and nothing disables the export.
    """
    exporters = _names(environ.get("OTEL_TRACES_EXPORTER", ""))
    return (
        any(environ.get(name, "").strip() for name in _ENDPOINTS)
        and environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and (not exporters or "otlp" in exporters)
    )


def tracer() -> Tracer:
    """Build the tracer that the environment asks for.

    Errors are logged, not raised, as probing works without spans.
    """
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
