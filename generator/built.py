"""Manifest of an earlier build in a folder, and its pages with team notes."""

from collections.abc import Iterable
from pathlib import Path

from generator.text import notes
from generator.text.yaml_writer import MARK

MANIFEST = ".slo-rules"
MARK_OF_PAGES = f"<!-- {MARK.removeprefix('# ')}"


def left_files(folder: Path, made: set[str]) -> list[str]:
    """Files of the last build that this build does not make."""
    return sorted(name for name in listed_files(folder) - made if (folder / name).is_file())


def noted(folder: Path, names: Iterable[str]) -> list[str]:
    """Pages with team notes, or with broken markers of notes."""
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


def listed_files(folder: Path) -> set[str]:
    """Files in the manifest of the last build; entries that lead outside the folder are ignored."""
    lines = (text_of(folder / MANIFEST) or "").splitlines()[1:]
    return {line for line in lines if line and _is_below(folder / line, folder)}


def _is_below(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL, or links that lead in a circle
        return False


def text_of(path: Path) -> str | None:
    """Text of a file, with invalid bytes replaced; None for a file that does not exist."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
