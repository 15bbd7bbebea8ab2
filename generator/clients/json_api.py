"""Reader of JSON from the HTTP API of a server."""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from generator.clients.http_config import HTTPConfig, HTTPConfigError

_TIMEOUT = 30


class APIError(Exception):
    """Request to a server that failed; the text names the server and the reason.

    Attributes:
        status: status of the response; 0 without one.
    """

    def __init__(self, text: str, *, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class _NoRedirectHandler(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow no redirect: it is an error as any other status."""


def read_json(
    url: str, path: str, http_config: HTTPConfig | None = None, /, **parameters: str
) -> Any:  # noqa: ANN401 - JSON
    """Read the JSON document that a server has at a path.

    Args:
        url: base URL, with a path prefix if there is one.
        path: path below the base URL.
        http_config: credentials, headers and TLS.
        parameters: parameters of the query.

    Raises:
        APIError: the server cannot be reached, refuses, or does not answer with JSON.
    """
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    text = read_text(url, f"{path}{query}", http_config)
    try:
        return json.loads(text)
    except ValueError as error:
        raise APIError(f"cannot query {url}: {error}") from error


def read_text(url: str, path: str, http_config: HTTPConfig | None = None) -> str:
    """Read the text that a server has at a path.

    Raises:
        APIError: the server cannot be reached, or refuses.
    """
    config = http_config or HTTPConfig()
    request = urllib.request.Request(f"{url.rstrip('/')}/{path}")  # noqa: S310 - checked
    try:
        for name, value in config.build_headers().items():
            # A server that it redirects to gets no credentials.
            request.add_unredirected_header(name, value)
        opener = _build_opener(config.build_tls_context(), follow=config.follow_redirects)
        with opener.open(request, timeout=_TIMEOUT) as response:
            return str(response.read().decode())
    except HTTPConfigError as error:
        raise APIError(f"cannot query {url}: {error}") from error
    except urllib.error.HTTPError as error:
        answer = _read_answer(error) or "; check the address"
        text = f"{url} returned {error.code} for {path.partition('?')[0]}{answer}"
        raise APIError(text, status=error.code) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise APIError(f"cannot query {url}: {reason}") from error


def _build_opener(context: ssl.SSLContext | None, *, follow: bool) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [] if follow else [_NoRedirectHandler()]
    if context:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def _read_answer(error: urllib.error.HTTPError) -> str:
    """Read the error that Prometheus writes into its response."""
    with error:
        try:
            text = json.load(error)["error"]
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return ""
    return f": {text}" if isinstance(text, str) and text else ""


@contextmanager
def expect_server(url: str, kind: str) -> Iterator[None]:
    """Report an answer of another shape than expected: the server is not of this kind.

    Raises:
        APIError: the answer has not the keys or types that the block reads.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise APIError(f"{url} is not {kind}; check the address") from error
