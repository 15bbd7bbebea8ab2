"""A document read into a model: validation, messages and hints, camelCase keys."""

import difflib
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError, create_model
from pydantic.alias_generators import to_camel

from slos.schema.problem import Problem
from slos.schema.yaml.document import Document, Location

# Messages for pydantic's error types in terms of YAML; other types keep pydantic's message.
_EXPECTED = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "decimal_parsing": "expected a number",
    "decimal_type": "expected a number",
    "dict_type": "expected a mapping of keys",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "model_attributes_type": "expected a mapping of keys",
    "model_type": "expected a mapping of keys",
    "string_too_short": "expected some text",
    "string_type": "expected text",
    "too_short": "expected at least one entry",
}
_ONE_LINE = 60

Model = TypeVar("Model", bound=BaseModel)


def explain(detail: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    """Explain one entry of `ValidationError.errors()` as a message and a hint.

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
        message, _, hint = str(detail["ctx"]["error"]).partition("; ")
        return (f"{where}: {message}" if where else message), hint
    expected = _EXPECTED.get(kind, detail["msg"].removeprefix("Input "))
    message = f"{where or 'the document'}: {expected}, not {_shown(detail['input'])}"
    return message, _what_to_write(detail, model)


def _what_to_write(detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    if not detail["loc"]:
        return next((f"start with '{key}:'" for key in model.model_fields), "")
    if detail["input"] is None:
        return "give it a value or remove the key"
    if detail["type"] in ("enum", "literal_error"):
        known = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
        return _nearest(str(detail["input"]), known)
    return ""


def _path(location: Location) -> str:
    """Format a location as `a.b[0].c`; pydantic's marker `[key]` for a key itself is left out."""
    text = ""
    for step in location:
        if step == "[key]":
            continue
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _shown(written: object) -> str:
    """Describe a value in at most one line."""
    match written:
        case None:
            return "nothing"
        case bool():
            return str(written).lower()
        case dict():
            return "a mapping" if written else "an empty mapping"
        case list():
            return "a list" if written else "an empty list"
        case Decimal() | int():
            return str(written)
    text = repr(written)
    return text if len(text) <= _ONE_LINE else text[: _ONE_LINE - 3] + "..."


def _nearest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(known)}" if known else "no keys are known here"


def _known_keys(model: type[BaseModel], location: Location) -> set[str]:
    """List the keys of a model at a location, from the annotations of its fields."""
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


def validate(
    document: Document, model: type[Model], *, lenient: bool = False
) -> tuple[Model | None, list[Problem]]:
    """Validate a document against a model; every violation is a problem with its position.

    Args:
        document: as read.
        model: a pydantic model that forbids unknown keys.
        lenient: ignore unknown keys instead of reporting them.
    """
    value = document.value
    while True:
        try:
            return model.model_validate(value), []
        except ValidationError as error:
            details = error.errors(include_url=False)
            unknown = [d["loc"] for d in details if d["type"] == "extra_forbidden"]
            if not (lenient and unknown):
                return None, [Problem(document.at(d["loc"]), *explain(d, model)) for d in details]
            value = _without(value, unknown)


def _without(value: Any, locations: list[Location]) -> Any:  # noqa: ANN401 - YAML has any shape
    """Copy nested dicts and lists without the keys at the given paths."""
    if not locations:
        return value
    if isinstance(value, dict):
        gone = {loc[0] for loc in locations if len(loc) == 1}
        return {
            key: _without(item, [loc[1:] for loc in locations if len(loc) > 1 and loc[0] == key])
            for key, item in value.items()
            if key not in gone
        }
    if isinstance(value, list):
        return [
            _without(item, [loc[1:] for loc in locations if len(loc) > 1 and loc[0] == i])
            for i, item in enumerate(value)
        ]
    return value


@cache
def camel(model: type[Model]) -> type[Model]:
    """Build a subclass of a model that reads camelCase keys, nested models included.

    Args:
        model: a model; aliases that it has are kept.
    """
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        respelled = field._copy()  # noqa: SLF001 - the public copy.copy shares what we change
        respelled.annotation = _respelled(field.annotation)
        if not field.alias:
            respelled.alias = respelled.validation_alias = to_camel(name)
        fields[name] = (respelled.annotation, respelled)
    made: type[Model] = create_model(model.__name__, __base__=model, **fields)
    return made


def camel_location(location: Location) -> Location:
    """Convert the keys of a location to camelCase."""
    return tuple(to_camel(step) if isinstance(step, str) else step for step in location)


def _respelled(annotation: Any) -> Any:  # noqa: ANN401 - an annotation
    """Replace every model in an annotation by its camelCase subclass."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return camel(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if not inner or not any(_holds_model(each) for each in inner):
        return annotation
    if origin is list:
        return list[_respelled(inner[0])]  # type: ignore[misc] # made at run time
    if origin is dict:
        return dict[inner[0], _respelled(inner[1])]  # type: ignore[valid-type,misc] # likewise
    if origin is Annotated:
        return Annotated[(_respelled(inner[0]), *inner[1:])]
    made = _respelled(inner[0])
    for other in inner[1:]:
        made = made | _respelled(other)
    return made


def _holds_model(annotation: Any) -> bool:  # noqa: ANN401 - an annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(_holds_model(inner) for inner in get_args(annotation))
