"""What an earlier build left in a folder: its list of files, and pages with notes."""

from collections.abc import Iterable
from pathlib import Path

from generator import notes
from generator.text import MARK

MANIFEST = ".slo-rules"
MARK_OF_PAGES = f"<!-- {MARK.removeprefix('# ')}"


def left(folder: Path, made: set[str]) -> list[str]:
    """The files of the last build, less those of this one."""
    return sorted(name for name in listed(folder) - made if (folder / name).is_file())


def noted(folder: Path, names: Iterable[str]) -> list[str]:
    """Those that are pages with notes of their team, or with what may be notes."""
    found = []
    for name in names:
        page = (text_of(folder / name) or "") if name.endswith(".md") else ""
        try:
            has_notes = page.startswith(MARK_OF_PAGES) and bool(notes.of(page).strip())
        except notes.BrokenNotesError:
            has_notes = True
        if has_notes:
            found.append(name)
    return found


def listed(folder: Path) -> set[str]:
    """The files the last build made here; a list that was tampered with cannot lead outside."""
    lines = (text_of(folder / MANIFEST) or "").splitlines()[1:]
    return {line for line in lines if line and _is_below(folder / line, folder)}


def _is_below(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL, or links that lead in a circle
        return False


def text_of(path: Path) -> str | None:
    """A file as text, whatever its bytes; None where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
