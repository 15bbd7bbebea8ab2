"""A spec file's bytes to specs: the spec loader, without the disk."""

from dataclasses import dataclass

from slos.schema.document import Document, read_documents, validate
from slos.schema.problem import Position, Problem
from slos.schema.spec import Spec


@dataclass(frozen=True, slots=True)
class LocatedSpec:
    """A spec and the document it was read from, so that findings have a line."""

    spec: Spec
    document: Document


def parse_specs(
    data: bytes, file: str, *, lenient: bool = False
) -> tuple[list[LocatedSpec], list[Problem]]:
    """Read every document of a spec file.

    Args:
        data: the file's content.
        file: its name in problems.
        lenient: pass over unknown keys, as Sloth does.

    Returns:
        The specs that are right, and the problems of those that are not.
    """
    documents, problems = read_documents(data, file)
    if not documents and not problems:
        hint = "write at least 'version', 'service' and 'slos'"
        problems = [Problem(Position(file), "the file holds no spec", hint)]
    specs = []
    for document in documents:
        spec, found = validate(document, Spec, lenient=lenient)
        problems += found
        if spec:
            specs.append(LocatedSpec(spec, document))
    return specs, problems
