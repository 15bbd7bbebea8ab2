"""Reader of JSON from the HTTP API of a server."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TIMEOUT = 30


class APIError(Exception):
    """Request to a server that failed; the text names the server and the reason.

    Attributes:
        status: status of the response; 0 without one.
    """

    def __init__(self, text: str, *, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


def read_json(url: str, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
    """Read the JSON document that a server has at a path.

    Args:
        url: base URL, with a path prefix if there is one.
        path: path below the base URL.
        parameters: parameters of the query.

    Raises:
        APIError: the server cannot be reached, refuses, or does not answer with JSON.
    """
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    address = f"{url.rstrip('/')}/{path}{query}"
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as response:  # noqa: S310 - checked
            return json.load(response)
    except urllib.error.HTTPError as error:
        answer = _read_answer(error) or "; check the address"
        text = f"{url} returned {error.code} for {path}{answer}"
        raise APIError(text, status=error.code) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise APIError(f"cannot query {url}: {reason}") from error


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
