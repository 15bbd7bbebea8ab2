"""Parser of the documentation pages: YAML blocks, commands and their output."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = (
    *("slo-rules", "slo-probe", "make", "kubectl", "promtool", "amtool", "curl", "sloth"),
    *("mimirtool", "git", "pip", "podman", "docker", "python3"),
)

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4}(\S.*)$", re.MULTILINE)
_INDENTED_YAML = re.compile(r"^( {4}\w+:\n(?: {4}.*\n?)+)", re.MULTILINE)
_INLINE = re.compile(r"`((?:slo-rules|slo-probe) [a-z][^`]*)`")
_COMMENT = re.compile(r"\s+# .*$|\s{3,}\S.*$")


@dataclass(frozen=True, slots=True)
class DocBlock:
    """A fenced block."""

    page: Path
    language: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.page.stem}-{self.text[:30]!r}"


@dataclass(frozen=True, slots=True)
class DocCommand:
    """A command line, and what the page says it prints, if anything.

    Attributes:
        expected_output: lines, of which `...` stands for any number.
    """

    page: Path
    line: str
    expected_output: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.page.stem}-{self.line[:60]}"


def list_blocks(language: str) -> list[DocBlock]:
    """All fenced blocks of a kind."""
    return [
        DocBlock(page, found, text)
        for page in PAGES
        for found, text in _FENCED.findall(page.read_text())
        if found == language
    ]


def list_indented_yaml() -> list[DocBlock]:
    """Pieces of YAML in indented code: what begins with a key alone on its line."""
    return [
        DocBlock(page, "yaml", textwrap.dedent(text))
        for page in PAGES
        for text in _INDENTED_YAML.findall(_FENCED.sub("", page.read_text()))
    ]


def list_anchors(page: Path) -> set[str]:
    """List the targets of links behind a `#`: headings, as GitHub writes them, and anchors."""
    text = _FENCED.sub("", page.read_text())
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    named = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
    return named | set(re.findall(r'^<a id="([\w-]+)"></a>$', text, re.MULTILINE))


def list_commands() -> list[DocCommand]:
    """Every command that a page shows, in indented code or after a `$`."""
    return [
        command
        for page in PAGES
        for command in (*_list_indented_commands(page), *_list_console_commands(page))
    ]


def _list_indented_commands(page: Path) -> list[DocCommand]:
    text = _FENCED.sub("", page.read_text())
    lines = (_COMMENT.sub("", line) for line in _INDENTED.findall(text))
    return [DocCommand(page, line.strip()) for line in lines if line.startswith(_COMMAND_PREFIXES)]


def _list_console_commands(page: Path) -> list[DocCommand]:
    found = []
    for kind, text in _FENCED.findall(page.read_text()):
        for part in text.split("$ ")[1:] if kind == "console" else ():
            line, *prints = part.splitlines()
            found.append(DocCommand(page, line, tuple(prints)))
    return found


def list_inline_commands() -> list[DocCommand]:
    """Every command of ours that stands in running text."""
    return [
        DocCommand(page, line)
        for page in PAGES
        for line in dict.fromkeys(_INLINE.findall(_FENCED.sub("", page.read_text())))
    ]


_COMMAND_PREFIXES = tuple(f"{program} " for program in PROGRAMS)
