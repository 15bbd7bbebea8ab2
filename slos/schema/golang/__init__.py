"""Syntax that Prometheus reads with Go: regular expressions (RE2) and text/template."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped] # it has no types

from slos.schema.golang.template_lexer import TemplateError
from slos.schema.golang.template_parser import check_go_template


def check_alert_text(text: str) -> str:
    """Return a text when Prometheus can execute it as a template.

    Raises:
        ValueError: it is not a template; the message has the error and what to write instead.
    """
    if "{{" not in text:
        return text
    try:
        check_go_template(text)
    except TemplateError as error:
        raise ValueError(
            f"{error}. Prometheus rejects the file; write {{{{ $value }}}} or "
            '{{ $labels.name }}, and {{ "{{" }} for plain braces'
        ) from error
    return text


def escape_template(text: str) -> str:
    """Escape a text so that Prometheus does not read its braces as a template."""
    return text.replace("{{", '{{ "{{" }}')


class Re2Error(ValueError):
    """A text is not a regular expression of RE2; the message says why."""


@lru_cache(maxsize=256)
def _compile_pattern(text: str) -> Any:  # noqa: ANN401 - an untyped library
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text.encode(), options)
    except UnicodeEncodeError as error:
        raise Re2Error("not UTF-8") from error
    except re2.error as error:
        reason = error.args[0]
        message = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise Re2Error(message) from error


@dataclass(frozen=True, slots=True)
class Re2Pattern:
    """A regular expression that matches anywhere in a text.

    Attributes:
        text: the expression.

    Raises:
        Re2Error: on construction, when RE2 cannot compile it.
    """

    text: str
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", _compile_pattern(self.text))

    def matches(self, text: str) -> bool:
        """Return whether it matches; the text may hold undecodable bytes of file names."""
        return bool(self._compiled.search(text.encode(errors="surrogateescape")))

    def matches_whole(self, text: str) -> bool:
        """Return whether it matches a whole text, as in a matcher of PromQL."""
        return bool(self._compiled.fullmatch(text.encode()))
