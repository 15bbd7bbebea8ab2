"""Parser of Markdown pages: text, links and code blocks."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

_FENCE = re.compile(r"^ *(`{3,})(\w*)$")
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"(?<!\\)\[((?:[^\]\\]|\\.)*)\]\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced block of code, without its margin."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class MarkdownPage:
    """Content of a page.

    Attributes:
        lines: those that are no code, spans of code in them left out.
        blocks: of code.
    """

    lines: tuple[str, ...]
    blocks: tuple[CodeBlock, ...]

    @property
    def headings(self) -> list[str]:
        """With their signs."""
        return [line for line in self.lines if re.match(r"#+ ", line)]

    @property
    def links(self) -> list[str]:
        """Targets of its links."""
        return [target for line in self.lines for _, target in _LINK.findall(line)]

    @property
    def graph_queries(self) -> list[str]:
        """The queries that links ask."""
        link_parameters = [parse_qs(urlsplit(link).query) for link in self.links]
        return [query["g0.expr"][0] for query in link_parameters if "g0.expr" in query]

    @property
    def queries(self) -> list[str]:
        """PromQL that is shown."""
        return self.list_code("promql")

    def list_code(self, language: str) -> list[str]:
        """The blocks in a language."""
        return [block.text for block in self.blocks if block.language == language]


def parse_page(text: str) -> MarkdownPage:
    """A page; a block that never ends is a mistake of the page."""
    lines: list[str] = []
    blocks: list[CodeBlock] = []
    open_fence: tuple[str, str, int] | None = None
    block_lines: list[str] = []
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if open_fence and fence and len(fence[1]) >= len(open_fence[0]) and not fence[2]:
            blocks.append(
                CodeBlock(open_fence[1], "\n".join(each[open_fence[2] :] for each in block_lines))
            )
            open_fence, block_lines = None, []
        elif open_fence:
            block_lines.append(line)
        elif fence:
            open_fence = fence[1], fence[2], len(line) - len(line.lstrip())
        else:
            lines.append(_SPAN.sub("", line))
    assert open_fence is None, f"a block of {open_fence} never ends"
    return MarkdownPage(tuple(lines), tuple(blocks))


def find_silence_command(page: MarkdownPage) -> str:
    """The command that silences the alert of a page."""
    (found,) = [text for text in page.list_code("sh") if text.startswith("amtool silence add")]
    return found
