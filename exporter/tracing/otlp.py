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

from exporter import read_version
from exporter.tracing import AttributeValue, NoopSpan, Span

_NAME = "slo-probe"
_SHUTDOWN_TIMEOUT = 2.0
"""Seconds for the export of the last spans at shutdown: below what Kubernetes leaves after the
runs."""
_NOISY_LOGGERS = (trace_exporter.__name__, "opentelemetry.sdk._shared_internal")
"""Loggers that report every failed batch; `_LoggingExporter` reports the first."""
_log = logging.getLogger(__name__)


class OtlpTracer:
    """Tracer that exports spans from a thread of its own."""

    def __init__(self) -> None:
        self._exporter = _LoggingExporter(OTLPSpanExporter())
        logging.getLogger(export.__name__).addFilter(_one_line_filter)
        self._provider = TracerProvider(resource=_build_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(_NAME, read_version())
        self._closed = False
        for name in _NOISY_LOGGERS:
            logging.getLogger(name).addFilter(_drop_filter)

    @contextlib.contextmanager
    def start_span(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue] | None = None,
        *,
        start: float | None = None,
    ) -> Iterator[Span]:
        """Start a span for the time of a block.

        An exception that leaves the block marks the span as failed, by its type.
        """
        if self._closed:
            yield NoopSpan()
            return
        with self._tracer.start_as_current_span(
            name,
            attributes=attributes,
            # A float cannot hold nanoseconds since 1970.
            start_time=None if start is None else round(start * 1e6) * 1000,
            record_exception=False,  # its text may hold anything
            set_status_on_exception=False,
        ) as inner:
            span = _OtlpSpan(inner)
            try:
                yield span
            except Exception as error:
                span.mark_failed(type(error).__name__)
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
            async with asyncio.timeout(_SHUTDOWN_TIMEOUT):
                await done.wait()
        except TimeoutError:
            _log.warning("the last spans were not exported in %g s", _SHUTDOWN_TIMEOUT)
            self._exporter.shutdown()


class _OtlpSpan:
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

    def set_attribute(self, name: str, value: AttributeValue) -> None:
        """Set an attribute."""
        self._inner.set_attribute(name, value)

    def mark_failed(self, reason: str) -> None:
        """Mark the span as failed."""
        self._inner.set_status(trace.Status(trace.StatusCode.ERROR, reason))


class _LoggingExporter(SpanExporter):
    """Exporter that logs when export stops working and when it works again, not every failure."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._is_working = True
        self._shut_down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch; a batch that fails is lost."""
        try:
            result = self._inner.export(spans)
        except Exception:  # noqa: BLE001 - whatever it is, the next batch may fare better
            result = SpanExportResult.FAILURE
        is_working = result is SpanExportResult.SUCCESS
        if is_working and not self._is_working:
            _log.info("spans are exported again")
        if self._is_working and not is_working:
            _log.warning("spans cannot be exported; they are dropped until the export works again")
        self._is_working = is_working
        return result

    def shutdown(self) -> None:
        """Shut down, and end a pause before a retry."""
        if not self._shut_down:
            self._shut_down = True
            self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the inner exporter; nothing is held back here."""
        return self._inner.force_flush(timeout_millis)


class _DropFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - whatever it is
        return False


class _OneLineFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the traceback: an invalid variable is a configuration error, not a bug."""
        record.exc_info = record.exc_text = None
        return True


_drop_filter, _one_line_filter = _DropFilter(), _OneLineFilter()


def _build_resource() -> Resource:
    """Build the resource of this process; the OTEL_ variables take precedence."""
    defaults = {"service.name": _NAME, "service.version": read_version()}
    return Resource.create(defaults | dict(OTELResourceDetector().detect().attributes))
