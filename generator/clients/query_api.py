"""Asynchronous client of the query API of Prometheus, Thanos, Mimir and VictoriaMetrics."""

import asyncio
import json
import os
import ssl
from typing import Any

import aiohttp

from generator.clients.http_config import HTTPConfigError, Source
from generator.clients.json_api import APIError

QUERY_TIMEOUT = 20.0
"""Seconds that one query may take, by default."""
_MAX_CONCURRENT = 4
"""Queries at a time, so that one page does not take all query slots of a server."""
_MAX_URL = 4000
"""Longer queries are sent as a form, which some proxies of read-only users refuse."""
_MAX_MESSAGE = 300

Row = dict[str, Any]


class QueryClient:
    """Client of one source.

    Args:
        source: the source.
        session: session of the connections.
        timeout: seconds that one query may take.
    """

    def __init__(
        self, source: Source, session: aiohttp.ClientSession, timeout: float = QUERY_TIMEOUT
    ) -> None:
        self.source = source
        self.count = 0
        """Queries that were sent."""
        self._session = session
        self._timeout = timeout
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def query(self, query: str, time: float | None = None) -> list[Row]:
        """Read the rows of an instant vector.

        Raises:
            APIError: the query fails.
        """
        at = {} if time is None else {"time": f"{time:.3f}"}
        return await self._read("query", {"query": query, **at})

    async def query_range(self, query: str, start: float, end: float, step: float) -> list[Row]:
        """Read the rows of a range vector.

        Raises:
            APIError: the query fails.
        """
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return await self._read("query_range", {"query": query, **times})

    async def _read(self, path: str, parameters: dict[str, str]) -> list[Row]:
        url = self.source.url
        self.count += 1
        try:
            async with self._slots, asyncio.timeout(self._timeout):
                text = await self._fetch(path, parameters)
        except TimeoutError as error:
            raise APIError(f"{url} did not answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError, HTTPConfigError) as error:
            raise APIError(f"cannot query {url}: {_describe(error)}") from error
        # Of thousands of series; other pages are served meanwhile.
        return await asyncio.to_thread(_parse_rows, url, text)

    async def _fetch(self, path: str, parameters: dict[str, str]) -> bytes:
        config = self.source.config
        address = f"{self.source.url.rstrip('/')}/api/v1/{path}"
        is_long = len(parameters["query"]) > _MAX_URL
        async with self._session.request(
            "POST" if is_long else "GET",
            address,
            params=None if is_long else parameters,
            data=parameters if is_long else None,
            headers=config.build_headers(),
            ssl=config.build_tls_context() or True,
            allow_redirects=config.follow_redirects,
        ) as response:
            text = await response.read()
            if response.status != 200:  # noqa: PLR2004 - HTTP
                raise APIError(
                    f"{self.source.url} returned {response.status}: {_read_message(text)}"
                )
            return text


def _describe(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return describe_os_error(error.os_error)
    return str(error).partition("\n")[0] or type(error).__name__


def describe_os_error(error: OSError) -> str:
    """Describe an error of a connection; asyncio repeats the address in its own texts."""
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "").replace("_", " ").lower()
        return f"TLS handshake failed: {reason or error}"
    # Numbers of name resolution are negative; their text is in the error.
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def _read_message(text: bytes) -> str:
    """Read the message of an error; a proxy may answer with a whole page."""
    try:
        return str(json.loads(text)["error"])[:_MAX_MESSAGE]
    except (ValueError, LookupError, TypeError):
        return "no reason given"


def _parse_rows(url: str, text: bytes) -> list[Row]:
    try:
        document = json.loads(text)
        rows: list[Row] = document["data"]["result"]
        return [row for row in rows if isinstance(row["metric"], dict)]
    except (ValueError, LookupError, TypeError) as error:
        raise APIError(f"{url} is not a Prometheus; check the address") from error
