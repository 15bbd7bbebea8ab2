"""Team notes of a generated page: a section that builds preserve.

The section lies between two lines that are comments in Markdown. A build copies it from the
existing file; everything else comes from the specs.
"""

from dataclasses import dataclass

BEGIN = "<!-- team notes: begin -->"
END = "<!-- team notes: end -->"
_UNREADABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class BrokenNotesError(Exception):
    """Markers of the team notes in a page are missing, repeated or out of order.

    Attributes:
        line: line of the page, counted from 1.
        message: the problem.
        hint: how to fix it.
    """

    line: int
    message: str
    hint: str


def preserve_notes(text: str, existing: str | None) -> str:
    """Generated page with the notes of the existing page.

    Raises:
        BrokenNotesError: when the markers of the existing page do not delimit the notes.
    """
    notes = extract_notes(existing or "")
    return text.replace(f"\n{BEGIN}\n", f"\n{BEGIN}\n{notes}", 1)


def extract_notes(page: str) -> str:
    """Notes of a page, whole lines; an empty string for a page without the section.

    Raises:
        BrokenNotesError: when the markers of the page do not delimit the notes.
    """
    lines = page.split("\n")
    begins, ends = _find_marker_lines(lines, BEGIN), _find_marker_lines(lines, END)
    if not begins and not ends:
        return ""
    _check_markers(begins, ends)
    note_lines = lines[begins[0] : ends[0] - 1]
    for number, line in enumerate(note_lines, begins[0] + 1):
        if _UNREADABLE in line:
            raise BrokenNotesError(number, "the team notes are not UTF-8", "save the file as UTF-8")
    return "".join(f"{line}\n" for line in note_lines)


def _find_marker_lines(lines: list[str], marker: str) -> list[int]:
    """Numbers of the lines that are a marker, counted from 1."""
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() == marker:
            found.append(number)
        elif marker in line:
            hint = "put it on its own line"
            raise BrokenNotesError(number, f"{marker!r} is not on its own line", hint)
    return found


def _check_markers(begins: list[int], ends: list[int]) -> None:
    for marker, found in ((BEGIN, begins), (END, ends)):
        if len(found) > 1:
            hint = f"first on line {found[0]}; keep one of them"
            raise BrokenNotesError(found[1], f"duplicate marker {marker!r}", hint)
    for marker, found, others in ((BEGIN, begins, ends), (END, ends, begins)):
        if not found:
            hint = f"put {marker!r} on its own line, or remove the other marker"
            raise BrokenNotesError(others[0], f"missing marker {marker!r} of the team notes", hint)
    if begins > ends:
        hint = "swap the markers; the notes are between them"
        raise BrokenNotesError(ends[0], f"{END!r} is before {BEGIN!r}", hint)
