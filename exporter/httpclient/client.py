"""HTTP client: connections, size limits, deadlines and retries of outgoing requests."""

import asyncio
import io
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from exporter.httpclient import auth, retry
from exporter.httpclient.errors import (
    ATTEMPT_ERRORS,
    RequestError,
    Response,
    build_request_error,
    classify_error,
    is_local_shortage,
)
from exporter.httpclient.settings import HttpClientSettings
from exporter.httpclient.tls import RenewingTlsContext
from exporter.model.alert import CONTENT_TYPE
from exporter.model.error_kind import ErrorKind
from exporter.resources import is_shortage
from exporter.schedule.clock import Clock

_MAX_CONNECTIONS = 4
_MAX_BODY_BYTES = 8 * 1024 * 1024
"""Bytes of a response that are read, after decompression; reading more would stall the probes."""

_MAX_REPLY_BYTES = 65_536
"""Bytes of a reply to an event that are read; a reply of agent-sre has about a hundred."""

_MAX_WHOLE_BYTES = 65_536
"""Bytes of a request body that are written at once; more would block the event loop."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """HTTP request to any server.

    Attributes:
        method: GET, POST or DELETE.
        url: the whole URL.
        headers: headers to send.
        params: parameters to add to the URL.
        body: body as bytes, or the fields of a form.
        max_body_bytes: bytes of the response that are read.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] | None = None
    body: bytes | Mapping[str, str] | None = field(default=None, repr=False)
    max_body_bytes: int = _MAX_BODY_BYTES


@dataclass(frozen=True, slots=True)
class _RawResponse:
    status: int
    headers: Mapping[str, str]
    body: bytes
    is_complete: bool


def create_session(*, kept_connections: int = 0) -> aiohttp.ClientSession:
    """Create a client session that shares no cookie. It has no time limits; the callers set them.

    Args:
        kept_connections: maximum number of connections, which are kept open; with 0 every request
            has its own connection and its own DNS lookup.
    """
    if kept_connections:
        connector = aiohttp.TCPConnector(limit=kept_connections)
    else:
        connector = aiohttp.TCPConnector(force_close=True, use_dns_cache=False, limit=0)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": "slo-probe"},
    )


async def _exchange(
    session: aiohttp.ClientSession,
    request: HttpRequest,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> _RawResponse:
    """Send a request and read the response, up to the limit of the request.

    Redirects are not followed, because they would carry credentials to a host that is not
    configured.

    Raises:
        ATTEMPT_ERRORS: there is no response.
    """
    data = request.body
    async with session.request(
        request.method,
        request.url,
        params=request.params,
        data=io.BytesIO(data) if isinstance(data, bytes) and len(data) > _MAX_WHOLE_BYTES else data,
        headers=request.headers,
        allow_redirects=False,
        ssl=tls or True,
        server_hostname=server_name,
    ) as response:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > request.max_body_bytes:
                return _RawResponse(response.status, response.headers, b"", is_complete=False)
        return _RawResponse(response.status, response.headers, bytes(body), is_complete=True)


class HttpClient:
    """HTTP client for one server; use it as an async context manager.

    Args:
        name: name of the server, for error texts.
        settings: URL, credentials, retries and TLS.
        folder: folder of the configuration file; file names are relative to it.
        clock: clock for delays and dates.
        rng: random numbers from 0 up to 1, for the jitter of delays.
    """

    def __init__(
        self,
        name: str,
        settings: HttpClientSettings,
        *,
        folder: Path,
        clock: Clock,
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._rng = rng or random.Random()
        self._tls = RenewingTlsContext(settings.tls, folder)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = create_session(kept_connections=_MAX_CONNECTIONS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def build_url(self, path: str) -> str:
        """Build the URL of a path below the URL of the server."""
        return self._settings.url.rstrip("/") + path

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Response:
        """Send a GET request; the response may have any status.

        When the connection breaks, aiohttp itself sends once more within an attempt: it cannot tell
        a dead server from a kept connection that was closed meanwhile.

        Raises:
            RequestError: there is no response after all retries.
        """
        return await self._send_with_retries(
            HttpRequest("GET", self.build_url(path), params=params)
        )

    async def post_query(self, path: str, form: Mapping[str, str]) -> Response:
        """Send a query that would be too long for a URL as a POST request.

        Use it only for queries that change nothing: they are retried like a GET.

        Raises:
            RequestError: there is no response after all retries.
        """
        return await self._send_with_retries(HttpRequest("POST", self.build_url(path), body=form))

    async def send_once(self, request: HttpRequest) -> Response:
        """Send a request without retries; the response may have any status.

        Raises:
            RequestError: there is no response.
        """
        outcome = await self._attempt(request)
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome

    async def _send_with_retries(self, request: HttpRequest) -> Response:
        for attempt in range(self._settings.retries):
            outcome = await self._attempt(request)
            delay = self._compute_delay(attempt, outcome)
            if delay is None:
                break
            await self._clock.sleep(delay)
        else:
            return await self.send_once(request)
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome

    def _compute_delay(self, attempt: int, outcome: Response | RequestError) -> float | None:
        """Compute the seconds until the next attempt; None when there is none."""
        if isinstance(outcome, RequestError):
            retryable = outcome.retryable
        else:
            retryable = outcome.status in retry.RETRYABLE_STATUSES
        if not retryable:
            return None
        delay = retry.compute_retry_delay(
            attempt,
            backoff=float(self._settings.backoff.seconds),
            max_delay=float(self._settings.longest_pause.seconds),
            retry_after=outcome.retry_after,
        )
        return None if delay is None else delay * (1.0 + self._rng.random() / 2)

    async def _attempt(self, request: HttpRequest) -> Response | RequestError:
        """Make one attempt; errors are returned as values."""
        try:
            async with asyncio.timeout(float(self._settings.timeout.seconds)):
                return await self._send(request)
        except ATTEMPT_ERRORS as error:
            return build_request_error(self.name, error)
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error):
                raise
            reason = "this machine is out of memory"
            return RequestError(self.name, ErrorKind.UNREACHABLE, reason, retryable=True)

    async def _send(self, request: HttpRequest) -> Response | RequestError:
        if self._session is None:
            raise RuntimeError(f"the client of {self.name} is not open")
        credentials, tls = await asyncio.to_thread(self._read_files)
        headers = {"Accept": "application/json", **credentials, **request.headers}
        raw_response = await _exchange(
            self._session,
            replace(request, headers=headers),
            tls=tls,
            server_name=self._settings.tls.server_name,
        )
        if not raw_response.is_complete:
            reason = f"the response is longer than {request.max_body_bytes // 1024**2} MiB"
            return RequestError(self.name, ErrorKind.BAD_RESPONSE, reason)
        status, body, received = raw_response.status, raw_response.body, raw_response.headers
        retry_after = retry.parse_retry_after(received, now=self._clock.wall())
        return Response(self.name, status, body, retry_after, received)

    def _read_files(self) -> tuple[Mapping[str, str], ssl.SSLContext | None]:
        """Read credentials and TLS files.

        It runs in a thread, as a mounted secret may be slow to read.
        """
        headers = auth.build_request_headers(self._settings, self._folder)
        return headers, self._tls.get_context() if self._settings.url.startswith("https:") else None


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply to a request: its status, or the error because of which there is none."""

    at: float
    status: int | None = None
    error: ErrorKind | None = None
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends events to any URL, without retries.

    Attributes:
        session: session whose connections are used.
        clock: clock of the reply times.
        tls: builds the TLS context for https; None for the system's.
        server_name: name that the certificate must hold, where that is not the host of the URL.
    """

    session: aiohttp.ClientSession
    clock: Clock
    tls: Callable[[], ssl.SSLContext] | None = None
    server_name: str | None = None

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        content_type: str = CONTENT_TYPE,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a body; the caller sets the time limit.

        Raises:
            OSError: this machine ran out of a resource; that says nothing about the target.
        """
        return await self._send(
            HttpRequest(
                "POST",
                url,
                {"Content-Type": content_type, **(headers or {})},
                body=body,
                max_body_bytes=_MAX_REPLY_BYTES,
            )
        )

    async def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Get a page; the caller sets the time limit.

        Raises:
            OSError: this machine ran out of a resource.
        """
        return await self._send(HttpRequest("GET", url, headers or {}, params))

    async def _send(self, request: HttpRequest) -> Reply:
        url = request.url
        tls = self.tls() if self.tls and url.startswith("https:") else None
        try:
            raw_response = await _exchange(
                self.session, request, tls=tls, server_name=self.server_name
            )
        except (aiohttp.ClientError, OSError) as error:
            if is_local_shortage(error):
                raise
            return Reply(self.clock.now(), error=classify_error(error))
        return Reply(self.clock.now(), status=raw_response.status, body=raw_response.body)
