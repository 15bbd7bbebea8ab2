"""Reference page of all keys of a document, rendered from its JSON Schema as Markdown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = dict[str, Any]
Definitions = Mapping[str, Schema]
"""Definitions of a schema by name."""

DRAFT = "https://json-schema.org/draft/2020-12/schema"
UNIT = "x-unit"
"""Keyword of a schema for the unit of a number."""
_DOCS = "https://github.com/brunovlucena/slo-monitor/blob/main/docs"
_PREFIX = "#/$defs/"
_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
}


def mark_schema(schema: Schema, *, file: str, title: str) -> Schema:
    """Add the draft, the title, and the id: the address of a file in `docs`."""
    return {"$schema": DRAFT, "$id": f"{_DOCS}/{file}", **schema, "title": title}


def render_page(schema: Schema, *, introduction: str, mark: str) -> str:
    """Render a page with one section for each definition, in reading order.

    Args:
        schema: the schema.
        introduction: Markdown text above the sections.
        mark: text that marks the page as generated.
    """
    definitions = schema["$defs"]
    lines = [*introduction.strip().splitlines(), ""]
    lines += _render_section("A document", [], schema, definitions)
    for name, places in _find_places(schema).items():
        if "properties" in definitions[name]:
            lines += _render_section(f"`{places[0]}`", places[1:], definitions[name], definitions)
    return "\n".join([f"<!-- {mark} -->", "", *lines]).rstrip() + "\n"


def _render_section(
    title: str, other_places: Sequence[str], definition: Schema, definitions: Definitions
) -> Iterator[str]:
    yield from (f"## {title}", "", definition.get("description", ""))
    if other_places:
        yield from ("", f"Also at {', '.join(f'`{place}`' for place in other_places)}.")
    yield from ("", "| key | value | default | description |", "|---|---|---|---|")
    required_keys = definition.get("required", ())
    for key, value in definition["properties"].items():
        formatted_key = f"**`{key}`**" if key in required_keys else f"`{key}`"
        description = value.get("description", "")
        description = description.replace("Ours: ", "**ours**: ", 1)
        type_name = _describe_type(value, definitions) + _describe_unit(value)
        cells = (formatted_key, type_name, _format_default(value), description)
        yield render_row(cells)
    yield ""


def render_row(cells: Sequence[str]) -> str:
    """Render a row of a table."""
    escaped_cells = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped_cells)} |"


def _find_places(schema: Schema) -> Mapping[str, list[str]]:
    """Places of each definition in a document, in reading order."""
    places: dict[str, list[str]] = {}
    queue: list[tuple[str, Schema]] = [("", schema)]
    while queue:
        path, definition = queue.pop(0)
        for key, value in definition.get("properties", {}).items():
            for name, suffix in _list_references(value):
                place = f"{path}{key}{suffix}"
                if name not in places and "properties" in schema["$defs"][name]:
                    queue.append((f"{place}.", schema["$defs"][name]))
                places.setdefault(name, []).append(place)
    return places


def _list_references(value: Schema) -> Iterator[tuple[str, str]]:
    """Definitions that a value refers to, each with the suffix of its place in the value."""
    for each in _list_options(value):
        if "$ref" in each:
            yield each["$ref"].removeprefix(_PREFIX), ""
        for suffix, elements in (("[]", "items"), (".<key>", "additionalProperties")):
            inner_value = each.get(elements)
            for inner in _list_options(inner_value) if isinstance(inner_value, dict) else ():
                if "$ref" in inner:
                    yield inner["$ref"].removeprefix(_PREFIX), suffix


def _list_options(value: Schema) -> Sequence[Schema]:
    return [option for option in value.get("anyOf", [value]) if option.get("type") != "null"]


def _describe_type(value: Schema, definitions: Definitions) -> str:
    return " or ".join(
        dict.fromkeys(_describe_option(option, definitions) for option in _list_options(value))
    )


def _describe_option(value: Schema, definitions: Definitions) -> str:
    if "$ref" in value:
        definition = definitions[value["$ref"].removeprefix(_PREFIX)]
        return (
            "mapping" if "properties" in definition else _describe_option(definition, definitions)
        )
    if "enum" in value or "const" in value:
        return ", ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    if "examples" in value:
        return "like " + ", ".join(f"`{each}`" for each in value["examples"])
    if value.get("type") == "array":
        return f"list of {_describe_type(value['items'], definitions)}"
    types: str | list[str] = value.get("type", "anything")
    type_names: list[str] = types if isinstance(types, list) else [types]
    if "object" in type_names:
        return f"mapping of {_describe_elements(value, definitions)}"
    return " or ".join(_TYPES.get(each, each) for each in type_names if each != "null")


def _describe_elements(value: Schema, definitions: Definitions) -> str:
    """Describe the values of a mapping; any scalar is a text."""
    elements = value.get("additionalProperties")
    if not isinstance(elements, dict) or isinstance(elements.get("type"), list):
        return "texts"
    described = [_describe_option(option, definitions) for option in _list_options(elements)]
    return " or ".join(each if " of " in each else f"{each}s" for each in described)


def _describe_unit(value: Schema) -> str:
    """Range and unit of a number that has one."""
    if UNIT not in value:
        return ""
    limits = [
        str(option[key])
        for option in _list_options(value)
        for key in ("minimum", "maximum")
        if key in option
    ]
    limits_text = f", {' to '.join(limits)}" if limits else ""
    return f"{limits_text} ({value[UNIT]})"


def _format_default(value: Schema) -> str:
    default = value.get("default")
    if default in (None, "", [], {}):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"
