"""JSON Schemas and reference pages of specs and of project settings.

The schemas are built from the types and their docstrings, and the pages from the schemas.

The types check more than JSON Schema can express, so `slo-rules check` may reject a spec that an
editor accepts. It rejects every spec that an editor rejects, except for numbers in quotes.
"""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping

from generator.files.project_settings import ProjectSettings
from generator.text import yaml_writer
from slos.schema.fields import SpecModel
from slos.schema.reference_page import Schema, mark_schema, render_page
from slos.schema.sli import load_sli_types
from slos.schema.spec import Spec

_SPEC_SOURCE = "the types in slos/schema"
_PROJECT_SOURCE = "the types in generator/files/project_settings.py"
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
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n(?: {6,}.*|))*)", re.MULTILINE)
# YAML keys of fields whose names differ in Python.
_KEYS = {"for_": "for", "is_": "is", "while_": "while", "override_previous": "overridePrevious"}


def build_spec_schema() -> Schema:
    """JSON Schema of a `prometheus/v1` document."""
    schema = Spec.model_json_schema(by_alias=True)
    models = _collect_models(Spec)
    for name, definition in schema["$defs"].items():
        _add_descriptions(definition, models.get(name))
    _add_descriptions(schema, Spec)
    # Any dialect passes over such keys, see `slos.schema.dialects`.
    extensions = {"^x-": {"description": "Place for YAML anchors; ignored."}}
    schema["patternProperties"] = extensions
    return mark_schema(schema, file="spec.schema.json", title="SLO spec")


def build_project_schema() -> Schema:
    """JSON Schema of project settings."""
    schema = ProjectSettings.model_json_schema(by_alias=True)
    models = _collect_models(ProjectSettings)
    for name, definition in schema["$defs"].items():
        _add_descriptions(definition, models.get(name))
    _add_descriptions(schema, ProjectSettings)
    file, title = "project-settings.schema.json", "slo-rules project settings"
    return mark_schema(schema, file=file, title=title)


def _add_descriptions(definition: Schema, model: type[SpecModel] | None) -> None:
    """Add the docstrings of a type to its keys, and remove the generated titles."""
    definition.pop("title", None)
    descriptions = dict(_read_descriptions(model)) if model else {}
    if model:
        definition["description"] = summarize_model(model)
    for key, value in definition.get("properties", {}).items():
        value.pop("title", None)
        if key in descriptions:
            value["description"] = descriptions[key]


def summarize_model(model: type[SpecModel]) -> str:
    """Docstring of a type without its attributes, on one line."""
    text = inspect.getdoc(model) or ""
    return _join_lines(text.partition("Attributes:")[0])


def _read_descriptions(model: type[SpecModel]) -> Iterator[tuple[str, str]]:
    """Description of each key, from the docstrings of a type and its base types."""
    for kind in reversed(model.__mro__):
        if not issubclass(kind, SpecModel) or kind is SpecModel:
            continue
        if kind.__name__ == "Sli":
            yield from ((key, summarize_model(sli)) for key, sli in load_sli_types().items())
            continue
        attributes = (inspect.getdoc(kind) or "").partition("Attributes:")[2]
        for name, text in _ATTRIBUTE.findall(attributes):
            words = _join_lines(text)
            yield _KEYS.get(name, name), words[0].upper() + words[1:]
        yield from _read_field_docstrings(kind)


def _read_field_docstrings(kind: type[SpecModel]) -> Iterator[tuple[str, str]]:
    """Docstrings below fields, read from the source, as Python does not keep them."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, docstring in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(docstring, ast.Expr)
            and isinstance(docstring.value, ast.Constant)
        ):
            name = field.target.id
            yield _KEYS.get(name, name), _join_lines(str(docstring.value.value))


def _collect_models(root: type[SpecModel]) -> Mapping[str, type[SpecModel]]:
    """Types of a document by name."""
    found: dict[str, type[SpecModel]] = {}
    kinds = [SpecModel]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found.setdefault(kind.__name__, kind)
    return found | {root.__name__: root}


def _join_lines(text: str) -> str:
    return " ".join(text.split())


def render_spec_page(schema: Schema) -> str:
    """Reference page of specs as Markdown."""
    return _render_page(schema, _SPEC_INTRODUCTION, _SPEC_SOURCE, "slo-rules schema")


def render_project_page(schema: Schema) -> str:
    """Reference page of project settings as Markdown."""
    command = "slo-rules schema --of project"
    return _render_page(schema, _PROJECT_INTRODUCTION, _PROJECT_SOURCE, command)


def _render_page(schema: Schema, introduction: str, source: str, command: str) -> str:
    head = yaml_writer.render_document([source], [], command=f"run {command}").strip()
    return render_page(schema, introduction=introduction, mark=head.removeprefix("# "))
