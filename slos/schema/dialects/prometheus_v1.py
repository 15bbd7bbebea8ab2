"""Dialect `prometheus/v1` of Sloth, with our extensions: the spec itself."""

from slos.schema.problem import Problem
from slos.schema.settings import fill_settings
from slos.schema.spec import LocatedSpec, Spec
from slos.schema.yaml.document import Document
from slos.schema.yaml.validation import validate_document

API_VERSION = ""
KIND = ""
OTHER_KINDS = ()
KEY_SPELLINGS: dict[str, str] = {}


def read_document(
    document: Document, *, lenient: bool | None
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read the document as a `Spec`; nothing has to be mapped."""
    document, setting_problems = fill_settings(document)
    spec, problems = validate_document(document, Spec, lenient=lenient)
    return LocatedSpec(spec, document) if spec and not setting_problems else None, [
        *setting_problems,
        *problems,
    ]
