"""OTLP over HTTP; the only module that imports opentelemetry. It sets no global provider."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider, export
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from exporter import version
from exporter.tracing import NoSpan, Span, Value

_NAME = "slo-probe"
_LAST_SPANS = 2.0
"""Seconds for the export of the last spans at shutdown: below what Kubernetes leaves after the
runs."""
_CHATTY = (trace_exporter.__name__, "opentelemetry.sdk._shared_internal")
"""Loggers that report every failed batch; `_LoggingExporter` reports the first."""
_log = logging.getLogger(__name__)


class OtlpTracer:
    """Tracer that exports spans from a thread of its own."""

    def __init__(self) -> None:
        self._exporter = _Watched(OTLPSpanExporter())
        logging.getLogger(export.__name__).addFilter(_brief)
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(_NAME, version())
        self._closed = False
        for name in _CHATTY:
            logging.getLogger(name).addFilter(_silent)

    @contextlib.contextmanager
    def span(
        self,
        name: str,
        attributes: Mapping[str, Value] | None = None,
        *,
        start: float | None = None,
    ) -> Iterator[Span]:
        """Start a span for the time of a block.

        An exception that leaves the block marks the span as failed, by its type.
        """
        if self._closed:
            yield NoSpan()
            return
        with self._tracer.start_as_current_span(
            name,
            attributes=attributes,
            # A float cannot hold nanoseconds since 1970.
            start_time=None if start is None else round(start * 1e6) * 1000,
            record_exception=False,  # its text may hold anything
            set_status_on_exception=False,
        ) as inner:
            span = _Open(inner)
            try:
                yield span
            except Exception as error:
                span.fail(type(error).__name__)
                raise

    async def close(self) -> None:
        """Export the remaining spans within a time limit; the rest is lost."""
        self._closed = True
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(done.set)

        # A daemon thread, unlike one of the pool, does not hold up the end of the program.
        threading.Thread(target=shut_down, name="last spans", daemon=True).start()
        try:
            async with asyncio.timeout(_LAST_SPANS):
                await done.wait()
        except TimeoutError:
            _log.warning("the last spans were not exported in %g s", _LAST_SPANS)
            self._exporter.shutdown()


class _Open:
    """Span of opentelemetry behind the `Span` protocol."""

    def __init__(self, inner: trace.Span) -> None:
        self._inner = inner

    @property
    def trace_id(self) -> str | None:
        """Trace id in hex."""
        return trace.format_trace_id(self._inner.get_span_context().trace_id)

    @property
    def traceparent(self) -> str | None:
        """W3C traceparent with this span as the parent."""
        context = self._inner.get_span_context()
        sampled = context.trace_flags & trace.TraceFlags.SAMPLED  # all that version 00 knows
        return f"00-{self.trace_id}-{context.span_id:016x}-{sampled:02x}"

    def note(self, name: str, value: Value) -> None:
        """Set an attribute."""
        self._inner.set_attribute(name, value)

    def fail(self, why: str) -> None:
        """Mark the span as failed."""
        self._inner.set_status(trace.Status(trace.StatusCode.ERROR, why))


class _Watched(SpanExporter):
    """Exporter that logs when export stops working and when it works again, not every failure."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._works = True
        self._shut_down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch; a batch that fails is lost."""
        try:
            outcome = self._inner.export(spans)
        except Exception:  # noqa: BLE001 - whatever it is, the next batch may fare better
            outcome = SpanExportResult.FAILURE
        works = outcome is SpanExportResult.SUCCESS
        if works and not self._works:
            _log.info("spans are exported again")
        if self._works and not works:
            _log.warning("spans cannot be exported; they are dropped until it works again")
        self._works = works
        return outcome

    def shutdown(self) -> None:
        """Shut down, and end a pause before a retry."""
        if not self._shut_down:
            self._shut_down = True
            self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the inner exporter; nothing is held back here."""
        return self._inner.force_flush(timeout_millis)


class _Silent(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - whatever it is
        return False


class _Brief(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the traceback: an invalid variable is a configuration error, not a bug."""
        record.exc_info = record.exc_text = None
        return True


_silent, _brief = _Silent(), _Brief()


def _resource() -> Resource:
    """Build the resource of this process; the OTEL_ variables take precedence."""
    ours = {"service.name": _NAME, "service.version": version()}
    return Resource.create(ours | dict(OTELResourceDetector().detect().attributes))
