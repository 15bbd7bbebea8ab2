"""Reader of files, YAML documents above all; a file that cannot be read is a problem."""

from pathlib import Path

from slos.schema.problem import Position, Problem
from slos.schema.yaml.document import Document, read_documents

_MAX_CONFIG_BYTES = 128 * 1024
"""Bytes of a configuration; a ConfigMap holds 1 MiB, and a real one takes a few thousand."""
_MAX_BYTES = 16 * 1024 * 1024


def read_file(
    path: Path, *, at: Position | None = None, max_bytes: int = _MAX_BYTES
) -> tuple[bytes, list[Problem]]:
    """Read a file.

    Args:
        path: the file.
        at: where the file is named, for a file that cannot be read.
        max_bytes: maximum size of the file.
    """
    place = at or Position(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        hint = "the name is relative to the folder of this file" if at else ""
        return b"", [Problem(place, f"cannot read the file: {error.strerror}", hint)]
    if len(data) > max_bytes:
        text = f"the file is larger than {max_bytes // 1024} KiB"
        return b"", [Problem(place, text, "keep nothing but the settings in it")]
    return data, []


def read_document(
    path: Path, *, at: Position | None = None
) -> tuple[Document | None, list[Problem]]:
    """Read a file that holds one document; an empty file gives neither document nor problem.

    Args:
        path: the file.
        at: where the file is named, for a file that cannot be read.
    """
    data, problems = read_file(path, at=at, max_bytes=_MAX_CONFIG_BYTES)
    documents: list[Document] = []
    if not problems:
        documents, problems = read_documents(data, str(path))
    if len(documents) > 1 and not problems:
        place, hint = documents[1].find_position(), "a configuration is one document"
        problems = [Problem(place, "a second document", hint)]
    return (documents[0] if documents and not problems else None), problems
