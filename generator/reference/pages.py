"""Reference pages of all keys of specs and of project settings, rendered from JSON Schemas."""

from collections.abc import Iterator, Mapping, Sequence

from generator.reference.schema import Schema
from generator.text import yaml_writer

Definitions = Mapping[str, Schema]
"""Definitions of a schema by name."""

_PREFIX = "#/$defs/"
_SPEC_SOURCE = "the types in slos/schema"
_PROJECT_SOURCE = "the types in generator/files/project_settings.py"
_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping of texts",
}
_SPEC_INTRODUCTION = """
# Every key of a spec

The keys of a `prometheus/v1` document. Keys that Sloth does not have are marked **ours**.
[Writing specs](specs.md) explains how to use them. Keys in **bold** are required.

`slo-rules schema` prints the same as a [JSON Schema](spec.schema.json). To use it in an editor,
begin a spec with the line

    # yaml-language-server: $schema=spec.schema.json
"""


_PROJECT_INTRODUCTION = """
# Project settings

The file `slo-rules.yaml` holds the options of a project, so that `build`, `check` and the other
commands cannot disagree. It is read from the working directory or from a folder above it, up to the
top of the git repository. Outside of a repository only the working directory is searched.
`--config FILE` names another file. Paths in it are relative to the file.

    inputs: [slos]
    out: rules
    formats: [prometheus, runbooks, {name: operator, namespace: monitoring}]
    labels: {cluster: eu-1}
    retention: 15d
    runbook_url_prefix: https://github.com/example/slos/blob/main/rules/runbooks

An option on the command line overrides the file. `slo-rules config` prints the settings that are in
force, and where each comes from:

    slo-rules config

`slo-rules schema --of project` prints the keys as a JSON Schema, for editors.
"""


def render_spec_page(schema: Schema) -> str:
    """Reference page of specs as Markdown."""
    return _render_page(schema, _SPEC_INTRODUCTION, _SPEC_SOURCE, "slo-rules schema")


def render_project_page(schema: Schema) -> str:
    """Reference page of project settings as Markdown."""
    command = "slo-rules schema --of project"
    return _render_page(schema, _PROJECT_INTRODUCTION, _PROJECT_SOURCE, command)


def _render_page(schema: Schema, introduction: str, source: str, command: str) -> str:
    """Page with one section for each definition, in reading order."""
    definitions = schema["$defs"]
    lines = [*introduction.strip().splitlines(), ""]
    lines += _render_section("A document", [], schema, definitions)
    for name, places in _find_places(schema).items():
        if "properties" in definitions[name]:
            lines += _render_section(f"`{places[0]}`", places[1:], definitions[name], definitions)
    head = yaml_writer.render_document([source], [], command=f"run {command}").strip()
    return "\n".join([f"<!-- {head.removeprefix('# ')} -->", "", *lines]).rstrip() + "\n"


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
        description = value.get("description", "").replace("|", "\\|")
        description = description.replace("Ours: ", "**ours**: ", 1)
        type_name, default = _describe_type(value, definitions), _format_default(value)
        yield f"| {formatted_key} | {type_name} | {default} | {description} |"
    yield ""


def _find_places(schema: Schema) -> Mapping[str, list[str]]:
    """Places of each definition in a document, in reading order."""
    places: dict[str, list[str]] = {}
    queue: list[tuple[str, Schema]] = [("", schema)]
    while queue:
        path, definition = queue.pop(0)
        for key, value in definition.get("properties", {}).items():
            for name, is_list in _list_references(value):
                place = f"{path}{key}{'[]' if is_list else ''}"
                if name not in places and "properties" in schema["$defs"][name]:
                    queue.append((f"{place}.", schema["$defs"][name]))
                places.setdefault(name, []).append(place)
    return places


def _list_references(value: Schema) -> Iterator[tuple[str, bool]]:
    """Definitions that a value refers to, each with whether it is a list of them."""
    for each in _list_options(value):
        if "$ref" in each:
            yield each["$ref"].removeprefix(_PREFIX), False
        for inner in _list_options(each.get("items", {})):
            if "$ref" in inner:
                yield inner["$ref"].removeprefix(_PREFIX), True


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
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if "examples" in value:
        return "like " + ", ".join(f"`{each}`" for each in value["examples"])
    if value.get("type") == "array":
        return f"list of {_describe_type(value['items'], definitions)}"
    types: str | list[str] = value.get("type", "anything")
    type_names: list[str] = types if isinstance(types, list) else [types]
    return " or ".join(_TYPES.get(each, each) for each in type_names if each != "null")


def _format_default(value: Schema) -> str:
    default = value.get("default")
    return "" if default in (None, "", [], {}) else f"`{str(default).lower()}`"
