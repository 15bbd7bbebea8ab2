"""Text of specs on a Markdown page: it is shown, and never means anything to the page."""

import re
from collections.abc import Iterator

# No line of a page but its own may look like a comment, least of all like a border of its notes.
_COMMENT = "<!--"
_HARMLESS = "<! --"
_ACTIVE = re.compile(r"[\\`*_\[\]|~$>#]")
_NAME = re.compile(r"[A-Za-z0-9:]*[A-Za-z0-9:]_[A-Za-z0-9_:]*[A-Za-z0-9]")
# What would begin a list, a heading, a quotation, a table, a rule or a block of code.
_AT_START = re.compile(r"\d+(?=[.)](?:\s|$))|(?=[-+=#>|]|[*_](?:\s|$)|[*_]{3}|`{3}|~{3})")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_VALUE = re.compile(r"\{\{-?\s*\$(?:labels\.)?(\w+)\s*-?\}\}")
_BRACES = '{{ "{{" }}'


def prose(text: str) -> str:
    """Plain text on one line, its special characters without their meaning."""
    return _started("".join(_parts(" ".join(text.split()))))


def said(template: str) -> str:
    """What an alert says, with names where values will be."""
    pieces = _VALUE.split(template)
    words = (
        f"*{piece}*" if index % 2 else "".join(_parts(piece.replace(_BRACES, "{{")))
        for index, piece in enumerate(pieces)
    )
    return _started(" ".join("".join(words).split()))


def inline(text: str) -> str:
    """Markdown of a spec: one paragraph in which nothing but HTML loses its meaning."""
    pieces, end = [], 0
    for found in _CODE.finditer(text):
        pieces += [_without_html(text[end : found.start()]), _without_comment(found.group())]
        end = found.end()
    whole = "".join([*pieces, _without_html(text[end:])])
    return whole if _CODE.match(whole) else _started(whole)


def code(text: str) -> str:
    """A text between as many backticks as it takes."""
    line = _without_comment(" ".join(text.split()))
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line or ' '}{pad}{ticks}"


def fence(text: str, language: str = "") -> str:
    """A block of code, whatever it holds."""
    body = _without_comment(text).strip("\n")
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def _parts(text: str) -> Iterator[str]:
    """Names of metrics as code, so that they read as they are; the rest escaped."""
    end = 0
    for found in _NAME.finditer(text):
        yield _escaped(text[end : found.start()])
        yield f"`{found.group()}`"
        end = found.end()
    yield _escaped(text[end:])


def _escaped(text: str) -> str:
    return _without_html(_ACTIVE.sub(r"\\\g<0>", text.replace("&", "&amp;")))


def _without_html(text: str) -> str:
    return text.replace("<", "&lt;")


def _without_comment(text: str) -> str:
    return text.replace(_COMMENT, _HARMLESS)


def _longest_run(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)


def _started(line: str) -> str:
    """A line that begins a paragraph, whatever it begins with."""
    found = _AT_START.match(line)
    return f"{found.group()}\\{line[found.end() :]}" if found else line
