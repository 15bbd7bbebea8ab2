"""Lexer of templates: it splits actions into tokens and skips the text between them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import isfinite

_COMMENT = re.compile(r"\{\{(?:-[ \t\r\n])?/\*(?:(?!\*/).)*\*/(?:[ \t\r\n]-)?\}\}", re.DOTALL)
_LEFT_DELIMITER = re.compile(r"\{\{(?:-(?=[ \t\r\n]))?")
_RIGHT_DELIMITER = re.compile(r"[ \t\r\n]-\}\}|\}\}")
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
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?i?")
_MIN_INTEGER, _MAX_INTEGER, _MAX_DIGITS = -(2**63), 2**64 - 1, 100
_ESCAPE = re.compile(
    r"\\(?:[abfnrtv\\'\"]|x[0-9a-fA-F]{2}|[0-3][0-7]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    r"|U00(?:10|0[0-9a-fA-F])[0-9a-fA-F]{4})"
)
# What may follow a name without a space.
_NAME_END = re.compile(r"[ \t\r\n.,|:()]|\}\}|\Z")
_NAME_KINDS = {"variable", "field", "word"}


class TokenKind(Enum):
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

    kind: TokenKind
    text: str


def scan_actions(template: str) -> Iterator[list[Token]]:
    """Scan the actions of a template; each list of tokens ends in an end of action.

    Comments are left out.

    Raises:
        TemplateError: an action is not closed, or has an invalid token.
    """
    position = template.find("{{")
    while position >= 0:
        comment = _COMMENT.match(template, position)
        if comment:
            end = comment.end()
        else:
            tokens, end = _scan_action(template, position)
            yield tokens
        position = template.find("{{", end)


def _scan_action(template: str, start: int) -> tuple[list[Token], int]:
    opening = _LEFT_DELIMITER.match(template, start)
    position = opening.end() if opening else start
    tokens: list[Token] = []
    while True:
        right = _RIGHT_DELIMITER.match(template, position)
        if right:
            return [*tokens, Token(TokenKind.END_OF_ACTION, "}}")], right.end()
        match = _TOKEN.match(template, position)
        if not match or not match.lastgroup:
            raise TemplateError(_describe_error(template, start, position))
        _check_token(template, match)
        tokens.append(Token(TokenKind(match.lastgroup), match.group()))
        position = match.end()


def _check_token(template: str, match: re.Match[str]) -> None:
    text, kind = match.group(), match.lastgroup
    if kind in _NAME_KINDS and not _NAME_END.match(template, match.end()):
        raise TemplateError(f"{template[match.start() : match.end() + 1]!r} is not a name")
    if kind == "number" and not _is_number(text):
        raise TemplateError(f"{text!r} is not a number")
    if kind == "string" and text.startswith('"') and not _has_known_escapes(text[1:-1]):
        raise TemplateError(f"the string {text} has an invalid escape sequence")


def _is_number(text: str) -> bool:
    if text.startswith("'"):
        inner = text[1:-1]
        is_character = len(inner) == 1 or bool(_ESCAPE.fullmatch(inner))
        return is_character and inner not in ("'", '\\"')
    if _OCTAL.fullmatch(text):
        return not set(text) & {"8", "9"}
    if _INTEGER.fullmatch(text):
        return len(text) < _MAX_DIGITS and _MIN_INTEGER <= int(text) <= _MAX_INTEGER
    if _FRACTION.fullmatch(text):
        return isfinite(float(text.removesuffix("i")))
    return bool(_NUMBER.fullmatch(text))


def _has_known_escapes(inner: str) -> bool:
    return "\\" not in _ESCAPE.sub("", inner) and not re.search(r"(?<!\\)(?:\\\\)*\\'", inner)


def _describe_error(template: str, start: int, position: int) -> str:
    if position >= len(template):
        return "unclosed action"
    if template.startswith("/*", start + 2):
        return "a comment must be the only content of its action, like {{/* ... */}}"
    if template[position] in "\"'`":
        return "unterminated string in an action"
    return f"{template[position]!r} is not allowed in an action"
