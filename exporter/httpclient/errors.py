"""One closed set of reasons why a request failed."""

import json
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import aiohttp

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.tls import TlsFileError

ATTEMPT_ERRORS = (aiohttp.ClientError, OSError, CredentialsError, TlsFileError)
"""All exceptions that an attempt may raise; TimeoutError is included, as it is an OSError."""


class ErrorKind(StrEnum):
    """Kinds of request errors; used as label values."""

    UNREACHABLE = "unreachable"
    """No response: name not resolved, connection refused or broken, or TLS failed."""
    UNAUTHORIZED = "unauthorized"
    """401 or 403, or the client's own credentials cannot be read."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BAD_RESPONSE = "bad_answer"
    """A response that does not follow the API, or that reports an invalid request."""
    TIMEOUT = "timeout"


class RequestError(Exception):
    """Failed request. The text names the server and the reason, and holds no secret.

    Attributes:
        kind: the error kind.
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
        self.retry_after = retry_after
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Response:
    """HTTP response of any status, with its whole body."""

    server: str
    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None

    @property
    def error_kind(self) -> ErrorKind | None:
        """Error kind of the status; None for 2xx."""
        match self.status:
            case status if 200 <= status <= 299:  # noqa: PLR2004 - HTTP
                return None
            case 401 | 403:
                return ErrorKind.UNAUTHORIZED
            case 429:
                return ErrorKind.RATE_LIMITED
            case status if status >= 500:  # noqa: PLR2004 - HTTP
                return ErrorKind.SERVER_ERROR
        return ErrorKind.BAD_RESPONSE

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


@dataclass(frozen=True, slots=True)
class AttemptFailure:
    """Error kind and reason of an attempt without a response."""

    kind: ErrorKind
    reason: str
    retryable: bool = False


def classify_attempt_error(error: Exception) -> AttemptFailure:
    """Classify an exception of an attempt."""
    match error:
        case CredentialsError():
            return AttemptFailure(ErrorKind.UNAUTHORIZED, str(error))
        case TlsFileError():
            return AttemptFailure(ErrorKind.UNREACHABLE, str(error))
        case TimeoutError():
            return AttemptFailure(ErrorKind.TIMEOUT, "no response in time")
        case aiohttp.ClientSSLError():
            return AttemptFailure(
                ErrorKind.UNREACHABLE, f"TLS failed: {_describe_tls_error(error)}"
            )
        case aiohttp.ClientResponseError():
            return AttemptFailure(ErrorKind.BAD_RESPONSE, "the response is not HTTP")
    return AttemptFailure(ErrorKind.UNREACHABLE, _describe_connection_error(error), retryable=True)


def _describe_connection_error(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host name cannot be resolved"
    if not isinstance(error, aiohttp.ClientConnectorError):
        return "the connection was closed"
    if isinstance(error.os_error, ConnectionRefusedError):
        return "connection refused"
    return error.os_error.strerror or "connection failed"


def _describe_tls_error(error: aiohttp.ClientSSLError) -> str:
    cause: object = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    return (cause.reason if isinstance(cause, ssl.SSLError) else None) or "handshake failed"
