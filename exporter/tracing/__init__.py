"""Spans of the prober itself, exported by OTLP when the standard OTEL_ variables ask for it.

Off by default; opentelemetry is not loaded then. Names and attributes of spans belong to the code
that starts them.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

AttributeValue = str | bool | int | float
"""Types of an attribute's value."""

_ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SUPPORTED_PROTOCOL = "http/protobuf"
_log = logging.getLogger(__name__)


class Span(Protocol):
    """Open span."""

    @property
    def trace_id(self) -> str | None:
        """Trace id in hex; None when there is no trace."""

    @property
    def traceparent(self) -> str | None:
        """W3C traceparent that an event carries to take part in the trace; None without a trace."""

    def set_attribute(self, name: str, value: AttributeValue) -> None:
        """Set an attribute."""

    def mark_failed(self, reason: str) -> None:
        """Mark the span as failed; `reason` comes from a closed set, like a verdict."""


class Tracer(Protocol):
    """Tracer that starts spans; a span within another becomes its child."""

    def start_span(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue] | None = None,
        *,
        start: float | None = None,
    ) -> AbstractContextManager[Span]:
        """Start a span for the time of a block, now or at a time in seconds since 1970."""

    async def close(self) -> None:
        """Export the remaining spans, within a time limit."""


class NoopSpan:
    """Span that is not recorded."""

    trace_id: str | None = None
    traceparent: str | None = None

    def set_attribute(self, name: str, value: AttributeValue) -> None:
        """Do nothing."""

    def mark_failed(self, reason: str) -> None:
        """Do nothing."""


class NoopTracer:
    """Tracer that records nothing."""

    @contextmanager
    def start_span(
        self,
        name: str,  # noqa: ARG002 - the protocol's
        attributes: Mapping[str, AttributeValue] | None = None,  # noqa: ARG002 - likewise
        *,
        start: float | None = None,  # noqa: ARG002 - likewise
    ) -> Iterator[Span]:
        """Yield a span that is not recorded."""
        yield NoopSpan()

    async def close(self) -> None:
        """Do nothing."""


def is_enabled(environ: Mapping[str, str]) -> bool:
    """Return True if the standard variables ask for spans.

    An endpoint is set then, and nothing disables the export.
    """
    exporters = _split_names(environ.get("OTEL_TRACES_EXPORTER", ""))
    return (
        any(environ.get(name, "").strip() for name in _ENDPOINT_VARIABLES)
        and environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and (not exporters or "otlp" in exporters)
    )


def build_tracer() -> Tracer:
    """Build the tracer that the environment asks for.

    Errors are logged, not raised, as probing works without spans.
    """
    environ = os.environ
    if not is_enabled(environ):
        return NoopTracer()
    protocol = next(
        (environ[name] for name in _PROTOCOL_VARIABLES if environ.get(name)), _SUPPORTED_PROTOCOL
    )
    if protocol.strip().lower() != _SUPPORTED_PROTOCOL:
        _log.warning(
            "spans are not exported: only %s is supported, set %s",
            _SUPPORTED_PROTOCOL,
            _PROTOCOL_VARIABLES[0],
        )
        return NoopTracer()
    try:
        from exporter.tracing.otlp import OtlpTracer  # noqa: PLC0415 - loaded only when it is on

        return OtlpTracer()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a variable must not end the probing
        _log.warning("spans are not exported: invalid OTEL_ variable: %s", type(error).__name__)
        return NoopTracer()


def _split_names(text: str) -> set[str]:
    return {name.strip().lower() for name in text.split(",") if name.strip()}
