"""Error kinds of the Linear client; a closed set, used as label values."""

from enum import StrEnum


class LinearFault(StrEnum):
    """Kinds of Linear errors."""

    UNREACHABLE = "unreachable"
    """No HTTP response: connection refused, cut or too slow."""
    UNAUTHORIZED = "unauthorized"
    """The key was refused, or lacks a permission."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """Linear reports an error of its own."""
    BAD_ANSWER = "bad_answer"
    """Any other response: a refused query, a redirect, a page instead of JSON."""


class LinearError(Exception):
    """Failed request to Linear.

    The text consists of our own words and numbers. Texts of the server, and of the HTTP library
    about the request, may hold the key.
    """

    def __init__(self, fault: LinearFault, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(f"Linear: {fault}: {reason}")
        self.fault = fault
        self.reason = reason
        self.wait = wait
        """Seconds until another request can succeed."""
