"""Reader of files, YAML documents above all; a file that cannot be read is a problem."""

from pathlib import Path

from slos.schema.problem import Position, Problem
from slos.schema.yaml.document import Document, read_documents


def read_file(path: Path, *, at: Position | None = None) -> tuple[bytes, list[Problem]]:
    """Read a file.

    Args:
        path: the file.
        at: where the file is named, for a file that cannot be read.
    """
    try:
        return path.read_bytes(), []
    except OSError as error:
        name = path if at else "the file"
        return b"", [Problem(at or Position(str(path)), f"cannot read {name}: {error.strerror}")]


def read_document(
    path: Path, *, at: Position | None = None
) -> tuple[Document | None, list[Problem]]:
    """Read a file that holds one document; an empty file gives neither document nor problem.

    Args:
        path: the file.
        at: where the file is named, for a file that cannot be read.
    """
    data, problems = read_file(path, at=at)
    documents: list[Document] = []
    if not problems:
        documents, problems = read_documents(data, str(path))
    if len(documents) > 1 and not problems:
        place, hint = documents[1].find_position(), "a configuration is one document"
        problems = [Problem(place, "a second document", hint)]
    return (documents[0] if documents and not problems else None), problems
