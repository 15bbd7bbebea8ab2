"""Escaping, and the amtool silence command."""

import re
import shlex
from collections.abc import Iterator

from generator import names
from generator.outputs.runbooks.alerts import Kind, Topic
from slos.schema.promql import quoted
from slos.schema.units import Duration

# Texts must not contain comments: a comment could look like a border of the team notes.
_COMMENT = "<!--"
_HARMLESS = "<! --"
_ACTIVE = re.compile(r"[\\`*_\[\]|~$>#]")
_NAME = re.compile(r"[A-Za-z0-9:]*[A-Za-z0-9:]_[A-Za-z0-9_:]*[A-Za-z0-9]")
# Starts of a list, a heading, a quotation, a table, a rule or a block of code.
_AT_START = re.compile(r"\d+(?=[.)](?:\s|$))|(?=[-+=#>|]|[*_](?:\s|$)|[*_]{3}|`{3}|~{3})")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_VALUE = re.compile(r"\{\{-?\s*\$(?:labels\.)?(\w+)\s*-?\}\}")
_BRACES = '{{ "{{" }}'

_LONG = Duration.of(days=1)
_SHORT = Duration.of(hours=2)


def prose(text: str) -> str:
    """Escape plain text and join it to one line."""
    return _started("".join(_parts(" ".join(text.split()))))


def said(template: str) -> str:
    """Render the text of an alert, with names in the place of template values."""
    pieces = _VALUE.split(template)
    words = (
        f"*{piece}*" if index % 2 else "".join(_parts(piece.replace(_BRACES, "{{")))
        for index, piece in enumerate(pieces)
    )
    return _started(" ".join("".join(words).split()))


def inline(text: str) -> str:
    """Render Markdown of a spec as one paragraph; only HTML is escaped."""
    pieces, end = [], 0
    for found in _CODE.finditer(text):
        pieces += [_without_html(text[end : found.start()]), _without_comment(found.group())]
        end = found.end()
    whole = "".join([*pieces, _without_html(text[end:])])
    return whole if _CODE.match(whole) else _started(whole)


def code(text: str) -> str:
    """Render a text as code, between as many backticks as necessary."""
    line = _without_comment(" ".join(text.split()))
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line or ' '}{pad}{ticks}"


def fence(text: str, language: str = "") -> str:
    """Render a text as a code block."""
    body = _without_comment(text).strip("\n")
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def _parts(text: str) -> Iterator[str]:
    """Yield metric names as code, so that they are shown unchanged, and the rest escaped."""
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
    """Escape the start of a line, so that it begins a paragraph."""
    found = _AT_START.match(line)
    return f"{found.group()}\\{line[found.end() :]}" if found else line


def command(topic: Topic) -> str:
    """Render the amtool command that adds the silence, on several lines."""
    return " \\\n  ".join(
        [
            f"amtool silence add --alertmanager.url={shlex.quote(topic.known.alertmanager_url)}",
            f'--duration={length(topic)} --author="$USER" --comment="REASON AND OWNER"',
            *_matchers(topic),
        ]
    )


def expire(topic: Topic) -> str:
    """Render the command that expires this silence only."""
    url = f"--alertmanager.url={shlex.quote(topic.known.alertmanager_url)}"
    matchers = " ".join(_matchers(topic))
    return f"amtool silence expire {url} $(amtool silence query -q {url} {matchers})"


def labels(topic: Topic) -> dict[str, str]:
    """List the labels that identify this alert, without labels that are templates."""
    own = names.key(topic.slo) if topic.slo else {}
    service = topic.rule.labels.get(names.SERVICE, "")
    if not topic.slo and service and "{{" not in service:
        own = {names.SERVICE: service}
    return {"alertname": topic.name, **own}


def length(topic: Topic) -> Duration:
    """Choose the length of a silence: two hours for alerts that wake people, a day for others."""
    return _SHORT if topic.kind is Kind.PAGE or topic.severity == "critical" else _LONG


def _matchers(topic: Topic) -> list[str]:
    """Render the matchers, each quoted as a word of the shell."""
    return [shlex.quote(_matcher(name, value)) for name, value in labels(topic).items()]


def _matcher(name: str, value: str) -> str:
    """Render a matcher that can be read and typed: unprintable characters are matched by a dot."""
    seen = "".join(c if c.isprintable() or c == "\n" else "\0" for c in value)
    if "\0" not in seen:
        return f"{name}={quoted(value)}"
    return f"{name}=~{quoted('.'.join(map(re.escape, seen.split(chr(0)))))}"
