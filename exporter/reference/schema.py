"""JSON Schema of the configuration of the prober, built from its types and their docstrings.

The types check more than JSON Schema can express, so `slo-probe check` may reject a configuration
that an editor accepts.
"""

import ast
import inspect
import sys
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core.core_schema import ModelSchema

from exporter.config.model import Config
from exporter.fields import Address
from slos.schema.reference_page import Schema, mark_schema
from slos.schema.units import Duration


def build_config_schema() -> Schema:
    """Build the JSON Schema of a configuration."""
    schema = Config.model_json_schema(schema_generator=_SchemaGenerator)
    for definition in (*schema["$defs"].values(), schema):
        _finish_definition(definition, schema["$defs"])
    return mark_schema(schema, file="slo-probe.schema.json", title="slo-probe configuration")


def describe_fields(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring of each field of a model, by name.

    The models do not set `use_attribute_docstrings`: to read the sources of all settings takes a
    quarter of the time in which the prober starts.
    """
    texts: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        definition = _parse_classes(owner.__module__).get(owner.__name__)
        for field, following in pairwise(definition.body if definition else ()):
            match field, following:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[name] = inspect.cleandoc(text)
    return texts


@cache
def _parse_classes(module: str) -> dict[str, ast.ClassDef]:
    """Return the classes in the source of a module, by name."""
    try:
        source = inspect.getsource(sys.modules[module])
    except (OSError, TypeError):  # no file, or built in
        return {}
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


class _SchemaGenerator(GenerateJsonSchema):
    """Generator that writes defaults as a user does, and names plug-ins by their folder."""

    def model_schema(self, schema: ModelSchema) -> Schema:
        """Describe the fields by their docstrings."""
        described = super().model_schema(schema)
        texts = describe_fields(schema["cls"])
        for name, field in schema["cls"].model_fields.items():
            if name in texts:
                described["properties"][field.alias or name].setdefault("description", texts[name])
        return described

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Schema:  # noqa: ANN401, ARG002 - the signature of pydantic
        """Accept any value of a type without a JSON Schema, which only other distributions have."""
        return {}

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Emit nothing: a default of such a type is left out."""

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - the signature of pydantic
        """Encode a default; a section has the keys that differ from its own defaults."""
        match dft:
            case Duration() | Address():
                return str(dft)
            case Decimal():
                return float(dft)
            case BaseModel():
                changed = dft.model_dump(exclude_defaults=True)
                return {key: self.encode_default(value) for key, value in changed.items()}
            case dict():
                return {str(key): self.encode_default(value) for key, value in dft.items()}
        return super().encode_default(dft)

    def normalize_name(self, name: str) -> str:
        """Return `probes__burst` for the settings of the plug-in `exporter.probes.burst`."""
        return super().normalize_name(name.removeprefix("exporter.").removesuffix(".Settings"))


def _finish_definition(definition: Schema, definitions: dict[str, Schema]) -> None:
    """Remove the generated titles, and describe sections by their type where a key has no text."""
    for value in (definition, *definition.get("properties", {}).values()):
        value.pop("title", None)
        description = value.get("description") or _describe_section(value, definitions)
        if description:
            value["description"] = " ".join(description.split())


def _describe_section(value: Schema, definitions: dict[str, Schema]) -> str:
    options = (value, *value.get("anyOf", ()))
    references = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
    return definitions[references[0]].get("description", "") if references else ""
