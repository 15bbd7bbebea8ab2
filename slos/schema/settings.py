"""Numbers that a spec sets in one place, and uses as `{{.name}}` in queries, texts and examples.

They are filled in before the spec is validated: what is checked is what is built.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from slos.schema.document import Document, Location
from slos.schema.problem import Problem
from slos.schema.units import plain

_USE = re.compile(r"\{\{\s*\.([a-z][a-z0-9_]*)\s*\}\}")
_WINDOW = "window"
# Where they may stand; labels, names and what was asked for are no place for them.
_USED_IN = ("slos", "recordings", "alerts", "runbook")


def filled(document: Document, *, within: Location = ()) -> tuple[Document, list[Problem]]:
    """The document with its settings in their places; a use of an unknown one is a problem.

    A document without settings is left as it is. What is wrong about the settings themselves is
    found when they are validated.

    Args:
        document: as read.
        within: where in it the spec stands.
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
    """Give a setting's name back when queries can name it.

    Raises:
        ValueError: when they cannot.
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
    """A copy with every setting filled in; one that nobody set is 1, so as to check the rest."""
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
