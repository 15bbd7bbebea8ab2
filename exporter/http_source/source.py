"""HTTP client for one server: one session, credentials read for every request, bounded retries."""

import asyncio
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from exporter.http_source import credentials, retry
from exporter.http_source.answer import Answer, SourceError, SourceFault
from exporter.http_source.failures import ATTEMPT_ERRORS, explained
from exporter.http_source.settings import SourceSettings
from exporter.http_source.tls import Renewing
from exporter.schedule.clock import Clock

_CONNECTIONS = 4
_MOST = 8 * 1024 * 1024
"""Bytes of a response that are read, after decompression; reading more would stall the probes."""


@dataclass(frozen=True, slots=True)
class _Question:
    path: str
    params: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None

    @property
    def method(self) -> str:
        return "GET" if self.form is None else "POST"


class HttpSource:
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
        settings: SourceSettings,
        *,
        folder: Path,
        clock: Clock,
        spread: random.Random | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._spread = spread or random.Random()
        self._tls = Renewing(settings.tls, folder)
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
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

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Send a GET request; the response may have any status.

        When the connection breaks, aiohttp itself sends once more within an attempt: it cannot tell
        a dead server from a kept connection that was closed meanwhile.

        Raises:
            RequestError: there is no response after all retries.
        """
        return await self._ask(_Question(path, params=params))

    async def read_by_post(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a query that would be too long for a URL as a POST request.

        Use it only for queries that change nothing: they are retried like a GET.

        Raises:
            RequestError: there is no response after all retries.
        """
        return await self._ask(_Question(path, form=form))

    async def _ask(self, question: _Question) -> Answer:
        for attempt in range(self._settings.retries):
            outcome = await self._once(question)
            wait = self._wait(attempt, outcome)
            if wait is None:
                break
            await self._clock.sleep(wait)
        else:
            outcome = await self._once(question)
        if isinstance(outcome, SourceError):
            raise outcome
        return outcome

    def _wait(self, attempt: int, outcome: Answer | SourceError) -> float | None:
        """Compute the seconds until the next attempt; None when there is none."""
        if isinstance(outcome, SourceError):
            again = outcome.passing
        else:
            again = outcome.status in retry.PASSING_STATUSES
        if not again:
            return None
        wait = retry.pause(
            attempt,
            backoff=float(self._settings.backoff.seconds),
            longest=float(self._settings.longest_pause.seconds),
            asked=outcome.retry_after,
        )
        return None if wait is None else wait * (1.0 + self._spread.random() / 2)

    async def _once(self, question: _Question) -> Answer | SourceError:
        """Make one attempt; errors are returned as values."""
        try:
            async with asyncio.timeout(float(self._settings.timeout.seconds)):
                return await self._send(question)
        except ATTEMPT_ERRORS as error:
            failure = explained(error)
        return SourceError(self.name, failure.fault, failure.why, passing=failure.passing)

    async def _send(self, question: _Question) -> Answer | SourceError:
        if self._client is None:
            raise RuntimeError(f"{self.name} is asked outside of its context")
        headers, tls = await asyncio.to_thread(self._prepare)
        async with self._client.request(
            question.method,
            self._settings.url.rstrip("/") + question.path,
            params=question.params,
            data=question.form,
            headers=headers,
            ssl=tls,
            server_hostname=self._settings.tls.server_name,
            allow_redirects=False,  # they would carry our credentials elsewhere
        ) as reply:
            body = bytearray()
            async for chunk in reply.content.iter_any():
                body += chunk
                if len(body) > _MOST:
                    why = f"the answer is longer than {_MOST // 1024**2} MiB"
                    return SourceError(self.name, SourceFault.BAD_ANSWER, why)
            asked = retry.retry_after(reply.headers, now=self._clock.wall())
            return Answer(self.name, reply.status, bytes(body), asked)

    def _prepare(self) -> tuple[Mapping[str, str], ssl.SSLContext | bool]:
        """Read credentials and TLS files.

        It runs in a thread, as a mounted secret may be slow to read.
        """
        headers = credentials.headers(self._settings, self._folder)
        return headers, self._tls.current() if self._settings.url.startswith("https:") else True
