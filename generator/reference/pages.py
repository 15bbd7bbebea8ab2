"""Reference pages of all keys of specs and of project settings, rendered from JSON Schemas."""

from generator.text import yaml_writer
from slos.schema.reference_page import Schema, render_page

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
