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


class SourceFault(StrEnum):
    """Kinds of request errors; used as label values."""

    UNREACHABLE = "unreachable"
    """No response: name not resolved, connection refused or broken, or TLS failed."""
    UNAUTHORIZED = "unauthorized"
    """401 or 403, or the client's own credentials cannot be read."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BAD_ANSWER = "bad_answer"
    """A response that does not follow the API, or that reports an invalid request."""
    TIMEOUT = "timeout"


class SourceError(Exception):
    """Failed request. The text names the server and the reason, and holds no secret.

    Attributes:
        kind: the error kind.
        retry_after: seconds to wait, as asked for by the server; None when it did not ask.
        retryable: True if the same request may succeed a moment later.
    """

    def __init__(
        self,
        source: str,
        fault: SourceFault,
        why: str,
        *,
        retry_after: float | None = None,
        passing: bool = False,
    ) -> None:
        super().__init__(f"{source}: {fault}: {why}")
        self.fault = fault
        self.retry_after = retry_after
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP response of any status, with its whole body."""

    source: str
    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None

    @property
    def fault(self) -> SourceFault | None:
        """Error kind of the status; None for 2xx."""
        match self.status:
            case status if 200 <= status <= 299:  # noqa: PLR2004 - HTTP
                return None
            case 401 | 403:
                return SourceFault.UNAUTHORIZED
            case 429:
                return SourceFault.RATE_LIMITED
            case status if status >= 500:  # noqa: PLR2004 - HTTP
                return SourceFault.SERVER_ERROR
        return SourceFault.BAD_ANSWER

    def checked(self) -> "Answer":
        """Return the response itself if its status is 2xx.

        Raises:
            RequestError: any other status.
        """
        if self.fault is None:
            return self
        raise self.refused(self.fault, f"HTTP {self.status}{self._redirect()}")

    def json(self) -> Any:  # noqa: ANN401 - a foreign API's JSON
        """Parse the body as JSON; the content type is ignored.

        Raises:
            RequestError: the body is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            pass  # the error would quote the body
        raise self.refused(SourceFault.BAD_ANSWER, f"HTTP {self.status}, but not JSON")

    def refused(self, fault: SourceFault, why: str) -> SourceError:
        """Build the error for this response."""
        return SourceError(self.source, fault, why, retry_after=self.retry_after)

    def _redirect(self) -> str:
        return ", a redirect, which is not followed" if 300 <= self.status <= 399 else ""  # noqa: PLR2004 - HTTP


@dataclass(frozen=True, slots=True)
class Failure:
    """Error kind and reason of an attempt without a response."""

    fault: SourceFault
    why: str
    passing: bool = False


def explained(error: Exception) -> Failure:
    """Classify an exception of an attempt."""
    match error:
        case CredentialsError():
            return Failure(SourceFault.UNAUTHORIZED, str(error))
        case TlsFileError():
            return Failure(SourceFault.UNREACHABLE, str(error))
        case TimeoutError():
            return Failure(SourceFault.TIMEOUT, "no answer in time")
        case aiohttp.ClientSSLError():
            return Failure(SourceFault.UNREACHABLE, f"TLS failed: {_tls(error)}")
        case aiohttp.ClientResponseError():
            return Failure(SourceFault.BAD_ANSWER, "the answer is not HTTP")
    return Failure(SourceFault.UNREACHABLE, _transport(error), passing=True)


def _transport(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host has no address"
    if not isinstance(error, aiohttp.ClientConnectorError):
        return "the connection broke off"
    if isinstance(error.os_error, ConnectionRefusedError):
        return "nobody listens there"
    return error.os_error.strerror or "no connection"


def _tls(error: aiohttp.ClientSSLError) -> str:
    cause: object = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    return (cause.reason if isinstance(cause, ssl.SSLError) else None) or "no handshake"
