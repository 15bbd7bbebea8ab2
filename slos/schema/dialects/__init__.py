"""The dialects that specs are written in; the folder is the registry, one file each.

A dialect is known by the `apiVersion` and `kind` of a document; one with empty ones is for
documents that have neither. It reads the document into a wire type of its own and maps that to
our spec.
"""

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from slos.schema.document import Document
from slos.schema.located import LocatedSpec
from slos.schema.problem import Problem

Head = tuple[str, str]


class Dialect(Protocol):
    """What a file in this folder offers."""

    API_VERSION: str
    KIND: str

    def read(
        self, document: Document, /, *, lenient: bool
    ) -> tuple[LocatedSpec | None, list[Problem]]:
        """The spec in a document, or why it is none."""
        ...


@cache
def dialects() -> dict[Head, Dialect]:
    """Every dialect in this folder by its `apiVersion` and `kind`."""
    found = [
        cast("Dialect", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    return {(dialect.API_VERSION, dialect.KIND): dialect for dialect in found}


def read_spec(
    document: Document, *, lenient: bool = False
) -> tuple[LocatedSpec | None, list[Problem]]:
    """The spec in a document of any dialect; a dialect nobody knows is a problem."""
    head = _head(document.value)
    dialect = dialects().get(head)
    if dialect:
        return dialect.read(document, lenient=lenient)
    written = " ".join(part for part in head if part)
    known = ", ".join(" ".join(each) for each in sorted(dialects()) if any(each))
    at = document.at(("apiVersion",) if head[0] else ("kind",))
    hint = f"known here: {known}, and documents with 'version: prometheus/v1'"
    return None, [Problem(at, f"documents of {written} are not known here", hint)]


def _head(value: object) -> Head:
    if not isinstance(value, dict) or "version" in value:
        return "", ""
    return str(value.get("apiVersion", "")), str(value.get("kind", ""))
