"""Settings of a spec: numbers that its queries, texts and examples use as `{{.name}}`.

They are filled in before the spec is validated, so that the checks see what is built.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from slos.schema.problem import Problem
from slos.schema.units import plain
from slos.schema.yaml.document import Document, Location

_USE = re.compile(r"\{\{\s*\.([a-z][a-z0-9_]*)\s*\}\}")
_WINDOW = "window"
# The sections that may use settings; labels, names and requirements may not.
_USED_IN = ("slos", "recordings", "alerts", "runbook")


def filled(document: Document, *, within: Location = ()) -> tuple[Document, list[Problem]]:
    """Fill the settings into the texts of a document; a reference to an unknown one is a problem.

    A document without settings is returned unchanged. Invalid settings are found when the spec
    is validated.

    Args:
        document: as read.
        within: the location of the spec in the document.
    """
    spec = document.value
    for step in within:
        spec = spec.get(step) if isinstance(spec, dict) else None
    numbers = _numbers(spec)
    if not numbers:
        return document, []
    problems = [
        Problem(document.at((*within, *where)), *_unknown(name, numbers))
        for where, text in _texts({key: spec[key] for key in _USED_IN if key in spec}, ())
        for name in _USE.findall(text)
        if name != _WINDOW and name not in numbers
    ]
    fill = partial(_filled, numbers=numbers)
    done = {key: fill(value) if key in _USED_IN else value for key, value in spec.items()}
    value = {**document.value, within[0]: done} if within else done
    return replace(document, value=value), problems


def setting_name(value: str) -> str:
    """Return the name of a setting when queries can refer to it.

    Raises:
        ValueError: they cannot.
    """
    if value == _WINDOW or not _USE.fullmatch(f"{{{{.{value}}}}}"):
        raise ValueError(
            f"{value!r} is not a setting's name; use small letters, digits and '_', begin with a "
            "letter, and leave 'window' to the range of queries"
        )
    return value


def _numbers(spec: Any) -> dict[str, str]:  # noqa: ANN401 - whatever YAML holds
    settings = spec.get("settings") if isinstance(spec, dict) else None
    if not isinstance(settings, dict):
        return {}
    return {
        str(name): plain(Decimal(number))
        for name, number in settings.items()
        if isinstance(number, int | Decimal) and not isinstance(number, bool)
    }


def _texts(value: Any, at: Location) -> Iterator[tuple[Location, str]]:  # noqa: ANN401
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(item, (*at, step))


def _filled(value: Any, *, numbers: Mapping[str, str]) -> Any:  # noqa: ANN401
    """Copy a value with settings filled in; an unknown one is 1, so that the rest is checked."""
    if isinstance(value, dict):
        return {key: _filled(item, numbers=numbers) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, numbers=numbers) for item in value]
    if not isinstance(value, str):
        return value

    def fill(use: re.Match[str]) -> str:
        return use.group() if use[1] == _WINDOW else numbers.get(use[1], "1")

    return _USE.sub(fill, value)


def _unknown(name: str, numbers: Mapping[str, str]) -> tuple[str, str]:
    (near, *_) = [*difflib.get_close_matches(name, numbers, 1), ""]
    hint = f"did you mean {near!r}?" if near else "add it to 'settings'"
    return f"there is no setting {name!r}", hint
