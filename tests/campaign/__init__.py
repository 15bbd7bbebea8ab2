"""Campaign of faults against the real prober, and a soak of it. Both write into one page."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "campaign.md"


def write_section(title: str, text: str) -> None:
    """Replace one section of the page; the others stay."""
    head, *sections = PAGE.read_text().split("\n## ")
    texts = {section.partition("\n")[0]: section for section in sections}
    texts[title] = f"{title}\n\n{text.strip()}\n"
    parts = [head.rstrip("\n") + "\n", *(texts[each] for each in sorted(texts))]
    PAGE.write_text("\n## ".join(parts))
