"""One client: GET/POST with deadline, size limit, no redirects."""

import asyncio
import errno
import io
import json
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from exporter.httpclient import auth, retry
from exporter.httpclient.errors import (
    ATTEMPT_ERRORS,
    ErrorKind,
    RequestError,
    Response,
    classify_attempt_error,
)
from exporter.httpclient.settings import HttpClientSettings
from exporter.httpclient.tls import RenewingTlsContext
from exporter.model.alert import CONTENT_TYPE
from exporter.model.evidence import TransportFault
from exporter.schedule.clock import Clock

_MAX_CONNECTIONS = 4
_MAX_BODY_BYTES = 8 * 1024 * 1024
"""Bytes of a response that are read, after decompression; reading more would stall the probes."""

_MAX_REPLY_BYTES = 65_536
"""Bytes of a reply that are read; a reply of agent-sre has about a hundred."""

LOCAL_SHORTAGE_ERRNOS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)
"""Errors of this machine, which say nothing about the target."""


@dataclass(frozen=True, slots=True)
class _HttpRequest:
    path: str
    params: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None

    @property
    def method(self) -> str:
        return "GET" if self.form is None else "POST"


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
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers={"User-Agent": "slo-probe", "Accept": "application/json"},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Response:
        """Send a GET request; the response may have any status.

        When the connection breaks, aiohttp itself sends once more within an attempt: it cannot tell
        a dead server from a kept connection that was closed meanwhile.

        Raises:
            RequestError: there is no response after all retries.
        """
        return await self._send_with_retries(_HttpRequest(path, params=params))

    async def post_query(self, path: str, form: Mapping[str, str]) -> Response:
        """Send a query that would be too long for a URL as a POST request.

        Use it only for queries that change nothing: they are retried like a GET.

        Raises:
            RequestError: there is no response after all retries.
        """
        return await self._send_with_retries(_HttpRequest(path, form=form))

    async def _send_with_retries(self, request: _HttpRequest) -> Response:
        for attempt in range(self._settings.retries):
            outcome = await self._attempt(request)
            delay = self._compute_delay(attempt, outcome)
            if delay is None:
                break
            await self._clock.sleep(delay)
        else:
            outcome = await self._attempt(request)
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

    async def _attempt(self, request: _HttpRequest) -> Response | RequestError:
        """Make one attempt; errors are returned as values."""
        try:
            async with asyncio.timeout(float(self._settings.timeout.seconds)):
                return await self._send(request)
        except ATTEMPT_ERRORS as error:
            failure = classify_attempt_error(error)
        return RequestError(self.name, failure.kind, failure.reason, retryable=failure.retryable)

    async def _send(self, request: _HttpRequest) -> Response | RequestError:
        if self._client is None:
            raise RuntimeError(f"the client of {self.name} is not open")
        headers, tls = await asyncio.to_thread(self._prepare_request)
        async with self._client.request(
            request.method,
            self._settings.url.rstrip("/") + request.path,
            params=request.params,
            data=request.form,
            headers=headers,
            ssl=tls,
            server_hostname=self._settings.tls.server_name,
            allow_redirects=False,  # they would carry our credentials elsewhere
        ) as reply:
            body = bytearray()
            async for chunk in reply.content.iter_any():
                body += chunk
                if len(body) > _MAX_BODY_BYTES:
                    reason = f"the response is longer than {_MAX_BODY_BYTES // 1024**2} MiB"
                    return RequestError(self.name, ErrorKind.BAD_RESPONSE, reason)
            retry_after = retry.parse_retry_after(reply.headers, now=self._clock.wall())
            return Response(self.name, reply.status, bytes(body), retry_after)

    def _prepare_request(self) -> tuple[Mapping[str, str], ssl.SSLContext | bool]:
        """Read credentials and TLS files.

        It runs in a thread, as a mounted secret may be slow to read.
        """
        headers = auth.build_request_headers(self._settings, self._folder)
        return headers, self._tls.get_context() if self._settings.url.startswith("https:") else True


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply to a request: a status, or the fault because of which there is none."""

    at: float
    status: int | None = None
    fault: TransportFault | None = None


def create_session() -> aiohttp.ClientSession:
    """Create a client session that shares no connection, DNS answer or cookie."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": "slo-probe"},
    )


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends request bodies.

    Attributes:
        client: session whose connections are used.
        clock: clock of the reply times.
        tls: builds the TLS context for https; None for the system's.
        server_name: name that the certificate must hold, where that is not the host of the URL.
    """

    client: aiohttp.ClientSession
    clock: Clock
    tls: Callable[[], ssl.SSLContext] | None = None
    server_name: str | None = None

    async def post(
        self,
        url: str,
        body: object,
        *,
        content_type: str = CONTENT_TYPE,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send an object as JSON, or bytes as they are; the caller sets the time limit.

        Redirects are not followed, because they lead to a host that is not configured.

        Raises:
            OSError: this machine ran out of a resource; that says nothing about the target.
        """
        # In chunks: a long body written at once would block the event loop.
        data = io.BytesIO(body) if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": content_type, **(headers or {})}
        try:
            async with self.client.post(
                url,
                data=data,
                headers=sent,
                allow_redirects=False,
                ssl=self.tls() if self.tls and url.startswith("https:") else True,
                server_hostname=self.server_name,
            ) as reply:
                await _read_reply(reply)
                return Reply(self.clock.now(), status=reply.status)
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, OSError) and error.errno in LOCAL_SHORTAGE_ERRNOS:
                raise
            return Reply(self.clock.now(), fault=classify_error(error))


async def _read_reply(reply: aiohttp.ClientResponse) -> None:
    """Read a reply up to `_MAX_REPLY_BYTES` bytes."""
    read = 0
    async for chunk in reply.content.iter_any():
        read += len(chunk)
        if read >= _MAX_REPLY_BYTES:
            return


def classify_error(error: BaseException) -> TransportFault:
    """Classify an error of the HTTP client."""
    kinds: list[tuple[type[BaseException], TransportFault]] = [
        (aiohttp.ClientConnectorDNSError, TransportFault.DNS),
        (aiohttp.ClientSSLError, TransportFault.TLS),
        (ssl.SSLError, TransportFault.TLS),
        (aiohttp.ServerFingerprintMismatch, TransportFault.TLS),
        (aiohttp.ClientConnectorError, _classify_connect_error(error)),
        (aiohttp.ClientResponseError, TransportFault.NOT_HTTP),
    ]
    return next((fault for kind, fault in kinds if isinstance(error, kind)), TransportFault.RESET)


def _classify_connect_error(error: BaseException) -> TransportFault:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, ConnectionRefusedError):
        return TransportFault.REFUSED
    return TransportFault.RESET if isinstance(cause, ConnectionError) else TransportFault.NO_ROUTE
