"""HTTP transport of the Linear client; it also measures the clock skew."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from pydantic import SecretStr

from exporter.clock import Clock
from exporter.linear import answer
from exporter.linear.answer import Answer
from exporter.linear.fault import LinearFault
from exporter.linear.settings import LinearKeyError, LinearSettings
from exporter.linear.skew import Skew, SkewEstimate

_LARGEST = 32 * 1024 * 1024
"""Bytes of a response that are read: 250 issues of the longest kind are a tenth of it."""
_BLOCK = 65_536


def session() -> aiohttp.ClientSession:
    """Open an HTTP session for Linear alone.

    It keeps its connection, but neither cookies nor the key.
    """
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": "slo-probe"},
    )


@dataclass(frozen=True, slots=True)
class _Raw:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """HTTP transport; every error is part of the returned response."""

    def __init__(
        self,
        settings: LinearSettings,
        *,
        read_key: Callable[[], SecretStr],
        http: aiohttp.ClientSession,
        clock: Clock,
    ) -> None:
        """Read the key.

        Raises:
            LinearKeyError: there is no key.
        """
        self._url = settings.url
        self._timeout = float(settings.timeout.seconds)
        self._read_key = read_key
        self._key: SecretStr | None = read_key()
        self._http = http
        self._clock = clock
        self._offset = clock.steady() - clock.now()
        self._skew = SkewEstimate()

    @property
    def skew(self) -> Skew:
        """Estimated skew of Linear's clock."""
        return self._skew.current

    def wall(self) -> float:
        """Return seconds since 1970 on our clock.

        Changes of the machine's clock do not affect it.
        """
        return self._clock.now() + self._offset

    async def send(self, query: str, variables: Mapping[str, Any]) -> Answer:
        """Send one request. The key is read again after it was refused."""
        if self._key is None:
            try:
                self._key = self._read_key()
            except LinearKeyError:
                return Answer(fault=LinearFault.UNAUTHORIZED, reason="the key cannot be read")
        sent = self.wall()
        raw = await self._exchange(self._key, {"query": query, "variables": dict(variables)})
        if isinstance(raw, str):
            return Answer(fault=LinearFault.UNREACHABLE, reason=raw)
        received = self.wall()
        date = answer.date(raw.headers)
        if date is not None:
            self._skew.add(date, sent=sent, received=received)
        said = answer.read(raw.status, raw.headers, raw.body, wall=received)
        if said.fault is LinearFault.UNAUTHORIZED:
            self._key = None
        return said

    async def _exchange(self, key: SecretStr, question: dict[str, Any]) -> _Raw | str:
        """Post a request; return the response, or the reason for its absence in a few words.

        Exceptions of the HTTP library end here: some of them hold the headers of the request.
        Redirects are not followed, as they would carry the key to another server.
        """
        headers = {"Authorization": key.get_secret_value()}
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._http.post(
                    self._url, json=question, headers=headers, allow_redirects=False
                ) as reply,
            ):
                return _Raw(reply.status, reply.headers.copy(), await _body(reply))
        except TimeoutError:
            return f"no reply within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"no reply ({type(error).__name__})"


async def _body(reply: aiohttp.ClientResponse) -> bytes:
    """Read the body; return an empty one when it is too long."""
    body = bytearray()
    async for block in reply.content.iter_chunked(_BLOCK):
        body += block
        if len(body) > _LARGEST:
            return b""
    return bytes(body)
