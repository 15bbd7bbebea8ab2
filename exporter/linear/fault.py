"""The ways an answer of Linear can fail to come: a closed set, fit for a label."""

from enum import StrEnum


class LinearFault(StrEnum):
    """Why Linear could not be asked."""

    UNREACHABLE = "unreachable"
    """No HTTP reply: refused, cut off, too slow."""
    UNAUTHORIZED = "unauthorized"
    """The key was refused, or may not do this."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """Linear says that it failed itself."""
    BAD_ANSWER = "bad_answer"
    """Something else came back: a refused query, a redirect, a page instead of JSON."""


class LinearError(Exception):
    """Linear did not answer the question.

    The text is made of our own words and figures alone. What the other side wrote, and what
    the HTTP library knows of the request, may hold the key.
    """

    def __init__(self, fault: LinearFault, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(f"Linear: {fault}: {reason}")
        self.fault = fault
        self.reason = reason
        self.wait = wait
        """Seconds until asking again can have an effect."""
