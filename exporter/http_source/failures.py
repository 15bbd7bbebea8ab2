"""Errors of an attempt, in our own words: aiohttp's error texts may quote request headers."""

import ssl
from dataclasses import dataclass

import aiohttp

from exporter.http_source.answer import SourceFault
from exporter.http_source.credentials import CredentialsError
from exporter.http_source.tls import TlsFileError

ATTEMPT_ERRORS = (aiohttp.ClientError, OSError, CredentialsError, TlsFileError)
"""All exceptions that an attempt may raise; TimeoutError is included, as it is an OSError."""


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
