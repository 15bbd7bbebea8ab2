"""Parser of spec files: bytes in, specs and problems out. Reading the file is not done here."""

from slos.schema.dialects import read_spec
from slos.schema.document import read_documents
from slos.schema.located import LocatedSpec
from slos.schema.problem import Position, Problem


def parse_specs(
    data: bytes, file: str, *, lenient: bool = False
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Parse every document of a spec file.

    Args:
        data: the file's content.
        file: the file name that problems show.
        lenient: ignore unknown keys, as Sloth does.

    Returns:
        The valid specs, and the problems of the others.
    """
    documents, problems = read_documents(data, file)
    if not documents and not problems:
        hint = "write at least 'version', 'service' and 'slos'"
        problems = [Problem(Position(file), "the file holds no spec", hint)]
    specs = []
    for document in documents:
        located, found = read_spec(document, lenient=lenient)
        problems += found
        if located:
            specs.append(located)
    return specs, problems
