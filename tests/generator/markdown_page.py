"""A Markdown page as its reader sees it: text, links and blocks of code, by a reader of our own."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

_FENCE = re.compile(r"^ *(`{3,})(\w*)$")
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"(?<!\\)\[((?:[^\]\\]|\\.)*)\]\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code, without its margin."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a page holds.

    Attributes:
        lines: those that are no code, spans of code in them left out.
        blocks: of code.
    """

    lines: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def headings(self) -> list[str]:
        """With their signs."""
        return [line for line in self.lines if re.match(r"#+ ", line)]

    @property
    def links(self) -> list[str]:
        """Where they lead."""
        return [target for line in self.lines for _, target in _LINK.findall(line)]

    @property
    def graphs(self) -> list[str]:
        """The queries that links ask."""
        asked = [parse_qs(urlsplit(link).query) for link in self.links]
        return [query["g0.expr"][0] for query in asked if "g0.expr" in query]

    @property
    def queries(self) -> list[str]:
        """PromQL that is shown."""
        return self.code("promql")

    def code(self, language: str) -> list[str]:
        """The blocks in a language."""
        return [block.text for block in self.blocks if block.language == language]


def read(text: str) -> Page:
    """A page; a block that never ends is a mistake of the page."""
    lines: list[str] = []
    blocks: list[Block] = []
    opened: tuple[str, str, int] | None = None
    inside: list[str] = []
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if opened and fence and len(fence[1]) >= len(opened[0]) and not fence[2]:
            blocks.append(Block(opened[1], "\n".join(each[opened[2] :] for each in inside)))
            opened, inside = None, []
        elif opened:
            inside.append(line)
        elif fence:
            opened = fence[1], fence[2], len(line) - len(line.lstrip())
        else:
            lines.append(_SPAN.sub("", line))
    assert opened is None, f"a block of {opened} never ends"
    return Page(tuple(lines), tuple(blocks))


def silencing(page: Page) -> str:
    """The command that silences the alert of a page."""
    (found,) = [text for text in page.code("sh") if text.startswith("amtool silence add")]
    return found
