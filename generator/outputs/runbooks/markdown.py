"""Markdown of runbook pages: escaping, and the amtool silence command."""

import re
import shlex
from collections.abc import Iterator

from generator import names
from generator.outputs.runbooks.alerts import AlertKind, AlertPage
from slos.schema.promql import quote_string
from slos.schema.units import Duration

# Texts must not contain comments: a comment could look like a border of the team notes.
_COMMENT_START = "<!--"
_BROKEN_COMMENT_START = "<! --"
_ACTIVE = re.compile(r"[\\`*_\[\]|~$>#]")
_NAME = re.compile(r"[A-Za-z0-9:]*[A-Za-z0-9:]_[A-Za-z0-9_:]*[A-Za-z0-9]")
# Starts of a list, a heading, a quotation, a table, a rule or a block of code.
_AT_START = re.compile(r"\d+(?=[.)](?:\s|$))|(?=[-+=#>|]|[*_](?:\s|$)|[*_]{3}|`{3}|~{3})")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_VALUE = re.compile(r"\{\{-?\s*(?:\$labels\.|\$|index \$labels \")([^\s\"}]+)\"?\s*-?\}\}")
# A part of a text that depends on a label, as of a group.
_CONDITION = re.compile(r"\{\{ if [^{}]*\}\}|\{\{ end \}\}")
_ALTERNATIVE = "{{ else }}"
_BRACES = '{{ "{{" }}'

_LONG_SILENCE = Duration.from_parts(days=1)
_SHORT_SILENCE = Duration.from_parts(hours=2)


def escape_text(text: str) -> str:
    """Escape plain text and join it to one line."""
    return _escape_line_start("".join(_escape_parts(" ".join(text.split()))))


def render_alert_text(template: str) -> str:
    """Render the text of an alert, with names in the place of template values."""
    pieces = _VALUE.split(_CONDITION.sub("", template.replace(_ALTERNATIVE, " or ")))
    words = (
        f"*{piece}*" if index % 2 else "".join(_escape_parts(piece.replace(_BRACES, "{{")))
        for index, piece in enumerate(pieces)
    )
    return _escape_line_start(" ".join("".join(words).split()))


def render_inline(text: str) -> str:
    """Render Markdown of a spec as one paragraph; only HTML is escaped."""
    pieces, end = [], 0
    for found in _CODE.finditer(text):
        pieces += [_escape_html(text[end : found.start()]), _break_comments(found.group())]
        end = found.end()
    whole = "".join([*pieces, _escape_html(text[end:])])
    return whole if _CODE.match(whole) else _escape_line_start(whole)


def render_code(text: str) -> str:
    """Render a text as code, between as many backticks as necessary."""
    line = _break_comments(" ".join(text.split()))
    ticks = "`" * (_count_longest_ticks(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line or ' '}{pad}{ticks}"


def render_fence(text: str, language: str = "") -> str:
    """Render a text as a code block."""
    body = _break_comments(text).strip("\n")
    ticks = "`" * max(3, _count_longest_ticks(body) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def _escape_parts(text: str) -> Iterator[str]:
    """Yield metric names as code, so that they are shown unchanged, and the rest escaped."""
    end = 0
    for found in _NAME.finditer(text):
        yield _escape_markdown(text[end : found.start()])
        yield f"`{found.group()}`"
        end = found.end()
    yield _escape_markdown(text[end:])


def _escape_markdown(text: str) -> str:
    return _escape_html(_ACTIVE.sub(r"\\\g<0>", text.replace("&", "&amp;")))


def _escape_html(text: str) -> str:
    return text.replace("<", "&lt;")


def _break_comments(text: str) -> str:
    return text.replace(_COMMENT_START, _BROKEN_COMMENT_START)


def _count_longest_ticks(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)


def _escape_line_start(line: str) -> str:
    """Escape the start of a line, so that it begins a paragraph."""
    found = _AT_START.match(line)
    return f"{found.group()}\\{line[found.end() :]}" if found else line


def render_silence_command(page: AlertPage) -> str:
    """Render the amtool command that adds the silence, on several lines."""
    url = shlex.quote(page.service_runbook.alertmanager_url)
    duration = _choose_silence_length(page)
    return " \\\n  ".join(
        [
            f"amtool silence add --alertmanager.url={url}",
            f'--duration={duration} --author="$USER" --comment="REASON AND OWNER"',
            *_render_matchers(page),
        ]
    )


def render_expire_command(page: AlertPage) -> str:
    """Render the command that expires a silence by the id that adding it printed."""
    url = shlex.quote(page.service_runbook.alertmanager_url)
    return f"amtool silence expire --alertmanager.url={url} ID"


def list_alert_labels(page: AlertPage) -> dict[str, str]:
    """List the labels that identify this alert, without labels that are templates."""
    alert_labels = names.build_key_labels(page.slo) if page.slo else {}
    service = page.rule.labels.get(names.SERVICE, "")
    if not page.slo and service and "{{" not in service:
        alert_labels = {names.SERVICE: service}
    return {"alertname": page.name, **alert_labels}


def _choose_silence_length(page: AlertPage) -> Duration:
    """Choose the length of a silence: two hours for alerts that wake people, a day for others."""
    return (
        _SHORT_SILENCE
        if page.kind is AlertKind.PAGE or page.severity == "critical"
        else _LONG_SILENCE
    )


def _render_matchers(page: AlertPage) -> list[str]:
    """Render the matchers, each quoted as a word of the shell."""
    return [
        shlex.quote(_render_matcher(name, value)) for name, value in list_alert_labels(page).items()
    ]


def _render_matcher(name: str, value: str) -> str:
    """Render a matcher that can be read and typed: unprintable characters are matched by a dot."""
    visible = "".join(c if c.isprintable() or c == "\n" else "\0" for c in value)
    if "\0" not in visible:
        return f"{name}={quote_string(value)}"
    return f"{name}=~{quote_string('.'.join(map(re.escape, visible.split(chr(0)))))}"
