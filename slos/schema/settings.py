"""Settings of a spec: numbers and texts that its queries, texts and examples use as `{{.name}}`.

They are filled in before the spec is validated, so that the checks see what is built.
"""

import difflib
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from slos.schema.problem import Problem
from slos.schema.units import format_decimal
from slos.schema.yaml.document import Document, Location
from slos.schema.yaml.scalars import WrittenMapping

_REFERENCE = re.compile(r"\{\{\s*\.([a-z][a-z0-9_]*)\s*\}\}")
_WINDOW = "window"
# The sections that may use settings; labels, names and requirements may not.
_SECTIONS = (
    "slos", "recordings", "alerts", "no_data_alert", "noDataAlert", "runbook", "also_about",
    "alsoAbout",
)  # fmt: skip


def fill_settings(
    document: Document, *, spec_location: Location = ()
) -> tuple[Document, list[Problem]]:
    """Fill the settings into the texts of a document; a reference to an unknown one is a problem.

    A document without settings is returned unchanged. Invalid settings are found when the spec
    is validated.

    Args:
        document: as read.
        spec_location: the location of the spec in the document.
    """
    spec = document.value
    for step in spec_location:
        spec = spec.get(step) if isinstance(spec, dict) else None
    values = _read_settings(spec)
    if not values:
        return document, []
    problems = [
        Problem(
            document.find_position((*spec_location, *location)),
            *_describe_unknown_setting(name, values),
        )
        for location, text in _iterate_texts(
            {key: spec[key] for key in _SECTIONS if key in spec}, ()
        )
        for name in _REFERENCE.findall(text)
        if name != _WINDOW and name not in values
    ]
    fill_section = partial(_fill_value, values=values)
    filled_spec = {
        key: fill_section(value) if key in _SECTIONS else value for key, value in spec.items()
    }
    value = {**document.value, spec_location[0]: filled_spec} if spec_location else filled_spec
    return replace(document, value=value), problems


def check_setting_name(value: str) -> str:
    """Return the name of a setting when queries can refer to it.

    Raises:
        ValueError: they cannot.
    """
    if value == _WINDOW or not _REFERENCE.fullmatch(f"{{{{.{value}}}}}"):
        raise ValueError(
            f"{value!r} is not a setting name; use lowercase letters, digits and '_', start with "
            "a letter; 'window' is reserved"
        )
    return value


def _read_settings(spec: Any) -> dict[str, str]:  # noqa: ANN401 - whatever YAML holds
    settings = spec.get("settings") if isinstance(spec, dict) else None
    if not isinstance(settings, dict):
        return {}
    return {
        str(name): value if isinstance(value, str) else format_decimal(Decimal(value))
        for name, value in settings.items()
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    }


def _iterate_texts(value: Any, location: Location) -> Iterator[tuple[Location, str]]:  # noqa: ANN401
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _iterate_texts(item, (*location, step))


def _fill_value(value: Any, *, values: Mapping[str, str]) -> Any:  # noqa: ANN401
    """Copy a value with settings filled in; an unknown one is 1, so that the rest is checked."""
    if isinstance(value, dict):
        filled = {key: _fill_value(item, values=values) for key, item in value.items()}
        return _keep_texts(value, filled, values) if isinstance(value, WrittenMapping) else filled
    if isinstance(value, list):
        return [_fill_value(item, values=values) for item in value]
    if not isinstance(value, str):
        return value

    def replace_reference(use: re.Match[str]) -> str:
        return use.group() if use[1] == _WINDOW else values.get(use[1], "1")

    return _REFERENCE.sub(replace_reference, value)


def _keep_texts(
    written: WrittenMapping, filled: dict[Hashable, Any], values: Mapping[str, str]
) -> WrittenMapping:
    """Keep the source texts of scalars with the settings filled in, as labels are text."""
    mapping = WrittenMapping(filled)
    mapping.texts = {
        key: (key_text, _fill_value(text, values=values))
        for key, (key_text, text) in written.texts.items()
    }
    return mapping


def _describe_unknown_setting(name: str, values: Mapping[str, str]) -> tuple[str, str]:
    (suggestion, *_) = [*difflib.get_close_matches(name, values, 1), ""]
    hint = f"did you mean {suggestion!r}?" if suggestion else "add it to 'settings'"
    return f"unknown setting {name!r}", hint
