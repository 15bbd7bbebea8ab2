"""Regular expressions as Go has them, and with it Prometheus and Sloth: those of RE2."""

from dataclasses import dataclass, field
from typing import Any

import re2  # type: ignore[import-untyped] # it says nothing of its types


class PatternError(ValueError):
    """A text that Go would not take as a regular expression; the text says why."""


def _compiled(text: str) -> Any:  # noqa: ANN401 - an untyped library
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text.encode(), options)
    except UnicodeEncodeError as error:
        raise PatternError("it is no text in UTF-8") from error
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(said) from error


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression, found anywhere in a text.

    Raises:
        PatternError: from its making.
    """

    text: str
    _found: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_found", _compiled(self.text))

    def is_in(self, text: str) -> bool:
        """Whether it is found; names of files may hold bytes that are no text."""
        return bool(self._found.search(text.encode(errors="surrogateescape")))
