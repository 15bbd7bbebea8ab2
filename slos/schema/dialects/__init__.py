"""Registry and API of the dialects that specs are written in; each file here is a dialect.

A dialect is selected by the `apiVersion` and `kind` of a document. The dialect whose two are
empty is for documents without them. A dialect validates the document against a model of its own
and maps that to a `Spec`.
"""

from functools import cache
from typing import Protocol, cast

from slos.schema.plugin_loader import load_modules
from slos.schema.problem import Problem
from slos.schema.spec import LocatedSpec
from slos.schema.yaml.document import Document

DialectKey = tuple[str, str]


class Dialect(Protocol):
    """The API of a dialect: the names that every file in this folder defines."""

    API_VERSION: str
    KIND: str

    def read_document(
        self, document: Document, /, *, lenient: bool
    ) -> tuple[LocatedSpec | None, list[Problem]]:
        """Read the spec of a document; without one, the problems say why."""
        ...


@cache
def load_dialects() -> dict[DialectKey, Dialect]:
    """Import every dialect in this folder; the key is its `apiVersion` and `kind`."""
    dialects = [cast("Dialect", module) for module in load_modules(__name__).values()]
    return {(dialect.API_VERSION, dialect.KIND): dialect for dialect in dialects}


def read_spec(
    document: Document, *, lenient: bool = False
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read the spec of a document in any dialect; an unknown dialect is a problem."""
    key = _read_dialect_key(document.value)
    dialect = load_dialects().get(key)
    if dialect:
        return dialect.read_document(document, lenient=lenient)
    written = " ".join(part for part in key if part)
    known_dialects = ", ".join(" ".join(each) for each in sorted(load_dialects()) if any(each))
    position = document.find_position(("apiVersion",) if key[0] else ("kind",))
    hint = f"known formats: {known_dialects}, and documents with 'version: prometheus/v1'"
    return None, [Problem(position, f"unknown format {written}", hint)]


def _read_dialect_key(value: object) -> DialectKey:
    if not isinstance(value, dict) or "version" in value:
        return "", ""
    return str(value.get("apiVersion", "")), str(value.get("kind", ""))
