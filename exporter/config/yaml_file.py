"""Reader of files that hold one YAML document."""

from pathlib import Path

from slos.schema.problem import Position, Problem
from slos.schema.yaml.document import Document, read_documents


def read_document(
    path: Path, *, at: Position | None = None
) -> tuple[Document | None, list[Problem]]:
    """Read a file that holds one document; an empty file gives neither document nor problem.

    Args:
        path: the file.
        at: where the file is named, for a file that cannot be read.
    """
    whole = Position(str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        name = path if at else "the file"
        return None, [Problem(at or whole, f"cannot read {name}: {error.strerror}")]
    documents, problems = read_documents(data, str(path))
    if problems or not documents:
        return None, problems
    if len(documents) > 1:
        return None, [
            Problem(
                documents[1].find_position(), "a second document", "a configuration is one document"
            )
        ]
    return documents[0], []
