"""Lexer of templates: it splits actions into tokens and skips the text between them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import isfinite

_COMMENT = re.compile(r"\{\{(?:-[ \t\r\n])?/\*(?:(?!\*/).)*\*/(?:[ \t\r\n]-)?\}\}", re.DOTALL)
_LEFT = re.compile(r"\{\{(?:-(?=[ \t\r\n]))?")
_RIGHT = re.compile(r"[ \t\r\n]-\}\}|\}\}")
_TOKEN = re.compile(
    r"""
      (?P<space>(?:(?![ \t\r\n]-\}\})[ \t\r\n])+)
    | (?P<declare>:?=)
    | (?P<pipe>\|)
    | (?P<comma>,)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<string>"(?:\\[^\n]|[^"\\\n])*"|`[^`]*`)
    | (?P<number>'(?:\\[^\n]|[^'\\\n])+'|[+-]?\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z_.])*)
    | (?P<variable>\$\w*)
    | (?P<field>\.\w+)
    | (?P<dot>\.)
    | (?P<word>\w+)
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(
    r"""[+-]?(?:0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0[bB]_?[01]+(?:_[01]+)*
    |0[oO]_?[0-7]+(?:_[0-7]+)*|0(?:_?[0-7]+)*
    |(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+)?)i?
    """,
    re.VERBOSE,
)
_OCTAL = re.compile(r"[+-]?0[0-9]+")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?i?")
_LEAST, _MOST, _TOO_LONG = -(2**63), 2**64 - 1, 100
_ESCAPE = re.compile(
    r"\\(?:[abfnrtv\\'\"]|x[0-9a-fA-F]{2}|[0-3][0-7]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    r"|U00(?:10|0[0-9a-fA-F])[0-9a-fA-F]{4})"
)
# What may follow a name without a space.
_ENDS_A_NAME = re.compile(r"[ \t\r\n.,|:()]|\}\}|\Z")
_NAMES = {"variable", "field", "word"}


class Kind(Enum):
    """The kind of a token; the values are the group names of the lexer's pattern."""

    SPACE = "space"
    DECLARE = "declare"
    PIPE = "pipe"
    COMMA = "comma"
    OPEN = "open"
    CLOSE = "close"
    STRING = "string"
    NUMBER = "number"
    VARIABLE = "variable"
    FIELD = "field"
    DOT = "dot"
    WORD = "word"
    END_OF_ACTION = "end of action"


class TemplateError(ValueError):
    """A text is not a template; the message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an action."""

    kind: Kind
    text: str


def actions(template: str) -> Iterator[list[Token]]:
    """Scan the actions of a template; each list of tokens ends in an end of action.

    Comments are left out.

    Raises:
        TemplateError: an action is not closed, or has an invalid token.
    """
    at = template.find("{{")
    while at >= 0:
        comment = _COMMENT.match(template, at)
        if comment:
            end = comment.end()
        else:
            tokens, end = _action(template, at)
            yield tokens
        at = template.find("{{", end)


def _action(template: str, start: int) -> tuple[list[Token], int]:
    opening = _LEFT.match(template, start)
    at = opening.end() if opening else start
    tokens: list[Token] = []
    while True:
        right = _RIGHT.match(template, at)
        if right:
            return [*tokens, Token(Kind.END_OF_ACTION, "}}")], right.end()
        found = _TOKEN.match(template, at)
        if not found or not found.lastgroup:
            raise TemplateError(_why_not(template, start, at))
        _check(template, found)
        tokens.append(Token(Kind(found.lastgroup), found.group()))
        at = found.end()


def _check(template: str, found: re.Match[str]) -> None:
    text, kind = found.group(), found.lastgroup
    if kind in _NAMES and not _ENDS_A_NAME.match(template, found.end()):
        raise TemplateError(f"{template[found.start() : found.end() + 1]!r} is not a name")
    if kind == "number" and not _is_number(text):
        raise TemplateError(f"{text!r} is not a number")
    if kind == "string" and text.startswith('"') and not _escapes_are_known(text[1:-1]):
        raise TemplateError(f"the string {text} has a backslash that means nothing")


def _is_number(text: str) -> bool:
    if text.startswith("'"):
        inner = text[1:-1]
        is_one = len(inner) == 1 or bool(_ESCAPE.fullmatch(inner))
        return is_one and inner not in ("'", '\\"')
    if _OCTAL.fullmatch(text):
        return not set(text) & {"8", "9"}
    if _WHOLE.fullmatch(text):
        return len(text) < _TOO_LONG and _LEAST <= int(text) <= _MOST
    if _FRACTION.fullmatch(text):
        return isfinite(float(text.removesuffix("i")))
    return bool(_NUMBER.fullmatch(text))


def _escapes_are_known(inner: str) -> bool:
    return "\\" not in _ESCAPE.sub("", inner) and not re.search(r"(?<!\\)(?:\\\\)*\\'", inner)


def _why_not(template: str, start: int, at: int) -> str:
    if at >= len(template):
        return "a template action is not closed"
    if template.startswith("/*", start + 2):
        return "a comment stands alone in its action, like {{/* ... */}}"
    if template[at] in "\"'`":
        return "a string in a template action is not closed"
    return f"{template[at]!r} has no place in a template action"
