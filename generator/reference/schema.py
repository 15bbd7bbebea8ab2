"""JSON Schema of a spec, built from its types and their docstrings.

The types check more than JSON Schema can express, so `slo-rules check` may reject a spec that an
editor accepts. It rejects every spec that an editor rejects, except for numbers in quotes.
"""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from slos.schema.fields import Wire
from slos.schema.sli import sli_types
from slos.schema.spec import Spec

Schema = dict[str, Any]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n(?: {6,}.*|))*)", re.MULTILINE)
# YAML keys of fields whose names differ in Python.
_KEYS = {"for_": "for", "is_": "is", "while_": "while", "override_previous": "overridePrevious"}


def json_schema() -> Schema:
    """JSON Schema of a `prometheus/v1` document."""
    found = Spec.model_json_schema(by_alias=True)
    models = _models(Spec)
    for name, definition in found["$defs"].items():
        _describe(definition, models.get(name))
    _describe(found, Spec)
    return {"$schema": _DRAFT, **found, "title": "SLO spec"}


def _describe(definition: Schema, model: type[Wire] | None) -> None:
    """Add the docstrings of a type to its keys, and remove the generated titles."""
    definition.pop("title", None)
    words = dict(_documented(model)) if model else {}
    if model:
        definition["description"] = summary(model)
    for key, value in definition.get("properties", {}).items():
        value.pop("title", None)
        if key in words:
            value["description"] = words[key]


def summary(model: type[Wire]) -> str:
    """Docstring of a type without its attributes, on one line."""
    text = inspect.getdoc(model) or ""
    return _joined(text.partition("Attributes:")[0])


def _documented(model: type[Wire]) -> Iterator[tuple[str, str]]:
    """Description of each key, from the docstrings of a type and its base types."""
    for kind in reversed(model.__mro__):
        if not issubclass(kind, Wire) or kind is Wire:
            continue
        if kind.__name__ == "Sli":
            yield from ((key, summary(sli)) for key, sli in sli_types().items())
            continue
        attributes = (inspect.getdoc(kind) or "").partition("Attributes:")[2]
        for name, text in _ATTRIBUTE.findall(attributes):
            words = _joined(text)
            yield _KEYS.get(name, name), words[0].upper() + words[1:]
        yield from _below_fields(kind)


def _below_fields(kind: type[Wire]) -> Iterator[tuple[str, str]]:
    """Docstrings below fields, read from the source, as Python does not keep them."""
    (defined,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    body = defined.body if isinstance(defined, ast.ClassDef) else []
    for field, below in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            name = field.target.id
            yield _KEYS.get(name, name), _joined(str(below.value.value))


def _models(root: type[Wire]) -> Mapping[str, type[Wire]]:
    """Types of a document by name."""
    found: dict[str, type[Wire]] = {}
    kinds = [Wire]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found.setdefault(kind.__name__, kind)
    return found | {root.__name__: root}


def _joined(text: str) -> str:
    return " ".join(text.split())
