"""Reference page of every key of a spec, rendered from the JSON Schema."""

from collections.abc import Iterator, Mapping, Sequence

from generator.reference.schema import Schema
from generator.text import yaml_writer

Kinds = Mapping[str, Schema]
"""Definitions of a schema by name."""

_PREFIX = "#/$defs/"
_SOURCE = "the types in slos/schema"
_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping of texts",
}
_INTRODUCTION = """
# Every key of a spec

Sloth's `prometheus/v1`, and what is beyond it; that is marked **ours**. How to use them is in
[Writing specs](specs.md). Editors check the same by the [JSON Schema](spec.schema.json), for
instance by a first line

    # yaml-language-server: $schema=spec.schema.json

and `slo-rules schema` prints it. A key in **bold** must be there.
"""


def page(schema: Schema) -> str:
    """Reference page as Markdown; each definition has one section, in reading order."""
    kinds = schema["$defs"]
    lines = [*_INTRODUCTION.strip().splitlines(), ""]
    lines += _section("A document", [], schema, kinds)
    for name, found in _places(schema).items():
        if "properties" in kinds[name]:
            lines += _section(f"`{found[0]}`", found[1:], kinds[name], kinds)
    head = yaml_writer.document([_SOURCE], [], again="run slo-rules schema").strip()
    return "\n".join([f"<!-- {head.removeprefix('# ')} -->", "", *lines]).rstrip() + "\n"


def _section(title: str, also_at: Sequence[str], definition: Schema, kinds: Kinds) -> Iterator[str]:
    yield from (f"## {title}", "", definition.get("description", ""))
    if also_at:
        yield from ("", f"The same at {', '.join(f'`{place}`' for place in also_at)}.")
    yield from ("", "| key | value | default | what it says |", "|---|---|---|---|")
    needed = definition.get("required", ())
    for key, value in definition["properties"].items():
        named = f"**`{key}`**" if key in needed else f"`{key}`"
        said = value.get("description", "").replace("|", "\\|")
        said = said.replace("Ours: ", "**ours**: ", 1)
        yield f"| {named} | {_kind(value, kinds)} | {_default(value)} | {said} |"
    yield ""


def _places(schema: Schema) -> Mapping[str, list[str]]:
    """Places of each definition in a document, in reading order."""
    found: dict[str, list[str]] = {}
    waiting: list[tuple[str, Schema]] = [("", schema)]
    while waiting:
        path, definition = waiting.pop(0)
        for key, value in definition.get("properties", {}).items():
            for name, many in _named(value):
                place = f"{path}{key}{'[]' if many else ''}"
                if name not in found and "properties" in schema["$defs"][name]:
                    waiting.append((f"{place}.", schema["$defs"][name]))
                found.setdefault(name, []).append(place)
    return found


def _named(value: Schema) -> Iterator[tuple[str, bool]]:
    """Definitions that a value refers to, each with whether it is a list of them."""
    for each in _options(value):
        if "$ref" in each:
            yield each["$ref"].removeprefix(_PREFIX), False
        for inner in _options(each.get("items", {})):
            if "$ref" in inner:
                yield inner["$ref"].removeprefix(_PREFIX), True


def _options(value: Schema) -> Sequence[Schema]:
    return [option for option in value.get("anyOf", [value]) if option.get("type") != "null"]


def _kind(value: Schema, kinds: Kinds) -> str:
    return " or ".join(dict.fromkeys(_kind_of(option, kinds) for option in _options(value)))


def _kind_of(value: Schema, kinds: Kinds) -> str:
    if "$ref" in value:
        kind = kinds[value["$ref"].removeprefix(_PREFIX)]
        return "mapping" if "properties" in kind else _kind_of(kind, kinds)
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if "examples" in value:
        return "like " + ", ".join(f"`{each}`" for each in value["examples"])
    if value.get("type") == "array":
        return f"list of {_kind(value['items'], kinds)}"
    types: str | list[str] = value.get("type", "anything")
    named: list[str] = types if isinstance(types, list) else [types]
    return " or ".join(_TYPES.get(each, each) for each in named if each != "null")


def _default(value: Schema) -> str:
    default = value.get("default")
    return "" if default in (None, "", [], {}) else f"`{str(default).lower()}`"
