"""Dialect `prometheus/v1` of Sloth, with our extensions: the spec itself."""

from slos.schema.problem import Problem
from slos.schema.settings import filled
from slos.schema.spec import LocatedSpec, Spec
from slos.schema.yaml.document import Document
from slos.schema.yaml.validation import validate

API_VERSION = ""
KIND = ""


def read(document: Document, *, lenient: bool) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read the document as a `Spec`; nothing has to be mapped."""
    document, unset = filled(document)
    spec, problems = validate(document, Spec, lenient=lenient)
    return LocatedSpec(spec, document) if spec and not unset else None, [*unset, *problems]
