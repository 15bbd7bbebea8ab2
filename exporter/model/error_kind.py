"""Kinds of errors of a request to another server."""

from enum import StrEnum


class ErrorKind(StrEnum):
    """Kind of error of a request; a label value, and the reason of a verdict.

    The kinds of a broken connection explain why a run has no reply. For a query their `category`
    is enough.
    """

    REFUSED = "connection_refused"
    DNS = "dns_failed"
    TLS = "tls_failed"
    NO_ROUTE = "no_route"
    RESET = "connection_reset"
    NOT_HTTP = "not_http"
    UNREACHABLE = "unreachable"
    """No response: name not resolved, connection refused or broken, or TLS failed."""
    UNAUTHORIZED = "unauthorized"
    """401 or 403, or the client's own credentials cannot be read."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BAD_RESPONSE = "bad_answer"
    """A response that does not follow the API, or that reports an invalid request."""
    TIMEOUT = "timeout"

    @property
    def category(self) -> "ErrorKind":
        """The kind as the error of a query, where all broken connections are of one kind."""
        if self is ErrorKind.NOT_HTTP:
            return ErrorKind.BAD_RESPONSE
        return ErrorKind.UNREACHABLE if self in CONNECTION_ERRORS else self


CONNECTION_ERRORS = frozenset(
    {
        ErrorKind.REFUSED,
        ErrorKind.DNS,
        ErrorKind.TLS,
        ErrorKind.NO_ROUTE,
        ErrorKind.RESET,
        ErrorKind.NOT_HTTP,
    }
)
"""Reasons why a request ended without an HTTP reply."""

NOT_SENT_ERRORS = frozenset({ErrorKind.REFUSED, ErrorKind.DNS, ErrorKind.TLS, ErrorKind.NO_ROUTE})
"""Errors before the first byte of a request was sent. Such an event cannot have been executed."""
