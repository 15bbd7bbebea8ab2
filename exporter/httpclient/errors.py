"""Errors of HTTP requests: their kinds and texts, and responses of any status."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.tls import TlsFileError
from exporter.model.error_kind import ErrorKind
from exporter.resources import is_out_of_files, is_shortage

ATTEMPT_ERRORS = (aiohttp.ClientError, OSError, CredentialsError, TlsFileError)
"""All exceptions that an attempt may raise; TimeoutError is included, as it is an OSError."""

_CLASS_KINDS: tuple[tuple[tuple[type[BaseException], ...], ErrorKind], ...] = (
    ((CredentialsError,), ErrorKind.UNAUTHORIZED),
    ((TlsFileError, aiohttp.ClientSSLError, ssl.SSLError), ErrorKind.TLS),
    ((aiohttp.ClientConnectorDNSError,), ErrorKind.DNS),
    ((aiohttp.ClientResponseError,), ErrorKind.NOT_HTTP),
)
_KIND_REASONS = {
    ErrorKind.DNS: "the host name cannot be resolved",
    ErrorKind.REFUSED: "connection refused",
    ErrorKind.NOT_HTTP: "the response is not HTTP",
    ErrorKind.TIMEOUT: "no response in time",
}
_RETRYABLE_KINDS = frozenset(
    {ErrorKind.REFUSED, ErrorKind.DNS, ErrorKind.NO_ROUTE, ErrorKind.RESET}
)
"""Kinds of attempts that may succeed a moment later."""


class RequestError(Exception):
    """Failed request. The text names the server and the reason, and holds no secret.

    Attributes:
        kind: the error kind; broken connections are `UNREACHABLE`.
        reason: the reason in our own words. Texts of a server or of the HTTP library may hold
            secrets.
        retry_after: seconds to wait, as asked for by the server; None when it did not ask.
        retryable: True if the same request may succeed a moment later.
    """

    def __init__(
        self,
        server: str,
        kind: ErrorKind,
        reason: str,
        *,
        retry_after: float | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(f"{server}: {kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.retry_after = retry_after
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Response:
    """HTTP response of any status, with its whole body."""

    server: str
    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers; their names are compared without regard to case."""

    @property
    def error_kind(self) -> ErrorKind | None:
        """Error kind of the status; None for 2xx."""
        return classify_status(self.status)

    def raise_for_status(self) -> "Response":
        """Return the response itself if its status is 2xx.

        Raises:
            RequestError: any other status.
        """
        if self.error_kind is None:
            return self
        raise self.build_error(self.error_kind, f"HTTP {self.status}{self._describe_redirect()}")

    def parse_json(self) -> Any:  # noqa: ANN401 - a foreign API's JSON
        """Parse the body as JSON; the content type is ignored.

        Raises:
            RequestError: the body is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            pass  # the error would quote the body
        raise self.build_error(ErrorKind.BAD_RESPONSE, f"HTTP {self.status} without JSON")

    def build_error(self, kind: ErrorKind, reason: str) -> RequestError:
        """Build the error for this response."""
        return RequestError(self.server, kind, reason, retry_after=self.retry_after)

    def _describe_redirect(self) -> str:
        return " (redirects are not followed)" if 300 <= self.status <= 399 else ""  # noqa: PLR2004 - HTTP


def classify_status(status: int) -> ErrorKind | None:
    """Classify an HTTP status; None for 2xx."""
    match status:
        case status if 200 <= status <= 299:  # noqa: PLR2004 - HTTP
            return None
        case 401 | 403:
            return ErrorKind.UNAUTHORIZED
        case 429:
            return ErrorKind.RATE_LIMITED
        case status if status >= 500:  # noqa: PLR2004 - HTTP
            return ErrorKind.SERVER_ERROR
    return ErrorKind.BAD_RESPONSE


def classify_error(error: BaseException) -> ErrorKind:
    """Classify an exception of an attempt; a broken connection has a kind of its own."""
    found = next((kind for classes, kind in _CLASS_KINDS if isinstance(error, classes)), None)
    if found is not None:
        return found
    if isinstance(error, aiohttp.ClientConnectorError):
        return classify_connect_error(error.os_error)
    if isinstance(error, TimeoutError) and error.errno is None:  # else it is the connection's
        return ErrorKind.TIMEOUT
    return ErrorKind.RESET


def classify_connect_error(error: OSError) -> ErrorKind:
    """Classify an error of opening a connection to an address."""
    if isinstance(error, ConnectionRefusedError):
        return ErrorKind.REFUSED
    return ErrorKind.RESET if isinstance(error, ConnectionError) else ErrorKind.NO_ROUTE


def is_local_shortage(error: BaseException) -> bool:
    """Return True if this machine ran out of a resource, which says nothing about the target."""
    return is_shortage(error) or (
        isinstance(error, aiohttp.ClientConnectorDNSError) and is_out_of_files()
    )


def build_request_error(server: str, error: Exception) -> RequestError:
    """Build the error of an attempt that ended with an exception."""
    kind = classify_error(error)
    reason = _describe_attempt_error(error, kind)
    return RequestError(server, kind.category, reason, retryable=kind in _RETRYABLE_KINDS)


def _describe_attempt_error(error: Exception, kind: ErrorKind) -> str:
    if isinstance(error, (CredentialsError, TlsFileError)):
        return str(error)
    if isinstance(error, aiohttp.ClientSSLError):
        return f"TLS failed: {_describe_tls_error(error)}"
    if kind in _KIND_REASONS:
        return _KIND_REASONS[kind]
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or "connection failed"
    return "the connection was closed"


def _describe_tls_error(error: aiohttp.ClientSSLError) -> str:
    cause: object = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    return (cause.reason if isinstance(cause, ssl.SSLError) else None) or "handshake failed"
