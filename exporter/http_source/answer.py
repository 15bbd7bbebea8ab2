"""What comes back from a source: an answer, or a fault out of a closed set. Pure."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SourceFault(StrEnum):
    """Why a source gave nothing of use; a label value."""

    UNREACHABLE = "unreachable"
    """No answer: not resolved, refused, TLS failed, or broken off."""
    UNAUTHORIZED = "unauthorized"
    """401 or 403, or our own credentials cannot be read."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BAD_ANSWER = "bad_answer"
    """An answer that is not what the API promises, or that says our question is wrong."""
    TIMEOUT = "timeout"


class SourceError(Exception):
    """A source gave nothing of use; the text names it and why, and holds no secret.

    Attributes:
        fault: the kind.
        retry_after: seconds for which the source asked to be left alone, if it did.
        passing: whether the same question may fare better a moment later.
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
    """An HTTP answer of any status, read to its end."""

    source: str
    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None

    @property
    def fault(self) -> SourceFault | None:
        """What the status alone tells; None for 2xx."""
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
        """The answer itself.

        Raises:
            SourceError: its status is not 2xx.
        """
        if self.fault is None:
            return self
        raise self.refused(self.fault, f"HTTP {self.status}{self._redirect()}")

    def json(self) -> Any:  # noqa: ANN401 - a foreign API's JSON
        """The body as JSON, whatever its content type says.

        Raises:
            SourceError: it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            pass  # the error would quote the body
        raise self.refused(SourceFault.BAD_ANSWER, f"HTTP {self.status}, but not JSON")

    def refused(self, fault: SourceFault, why: str) -> SourceError:
        """The error that says what is wrong with this answer."""
        return SourceError(self.source, fault, why, retry_after=self.retry_after)

    def _redirect(self) -> str:
        return ", a redirect, which is not followed" if 300 <= self.status <= 399 else ""  # noqa: PLR2004 - HTTP
