"""Pydantic's findings in words of the user's file: what is wrong and what to write instead."""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel

Location = tuple[str | int, ...]


def explain(detail: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    """Message and hint for one entry of `ValidationError.errors()`.

    Args:
        detail: the entry.
        model: the model that was validated.
    """
    where, kind = _path(detail["loc"]), detail["type"]
    if kind == "extra_forbidden":
        known = sorted(_known_keys(model, detail["loc"][:-1]))
        return f"unknown key {where!r}", _nearest(str(detail["loc"][-1]), known)
    if kind == "missing":
        return f"the key {where!r} is missing", "add it"
    if kind == "value_error":
        error = detail["ctx"]["error"]
        message, _, hint = str(error).partition("; ")
        return (f"{where}: {message}" if where else message), hint
    written = detail["input"]
    shown = f", not {_shown(written)}"
    if kind in ("model_type", "dict_type") and not detail["loc"]:
        return "expected a mapping of keys at the top" + shown, "start with 'version:'"
    message = detail["msg"].removeprefix("Input ")
    return f"{where}: {message}{shown}", _written_as(written)


def _path(location: Location) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _shown(written: object) -> str:
    text = "nothing" if written is None else repr(written)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - one line of a terminal


def _written_as(written: object) -> str:
    if written is None:
        return "give it a value or remove the key"
    return ""


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(known)}" if known else "no keys are known here"


def _known_keys(model: type[BaseModel], location: Location) -> set[str]:
    """The keys a model takes at a path, found by walking the annotations of its fields."""
    for step in location:
        if isinstance(step, int):
            continue
        found = _field_model(model, step)
        if found is None:
            return set()
        model = found
    return {field.alias or name for name, field in model.model_fields.items()}


def _field_model(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return _model_within(field.annotation)
    return None


def _model_within(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - an annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_within(inner)
        if found:
            return found
    return None
