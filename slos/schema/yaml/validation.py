"""Validation of a document: model, messages and hints, camelCase keys."""

import difflib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError, create_model
from pydantic.alias_generators import to_camel

from slos.schema.problem import Problem
from slos.schema.yaml.document import Document, Location

# Messages for pydantic's error types in terms of YAML; other types keep pydantic's message.
_EXPECTED_MESSAGES = {
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
    "string_too_short": "expected non-empty text",
    "string_type": "expected text",
    "too_short": "expected at least one entry",
}
_MAX_VALUE_LENGTH = 60
_MAX_SUGGESTIONS = 100
"""Problems of a document that get a hint; a search for similar keys takes long."""

Model = TypeVar("Model", bound=BaseModel)


def explain_error(detail: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    """Explain one entry of `ValidationError.errors()` as a message and a hint.

    Args:
        detail: the entry.
        model: the model that was validated.
    """
    location, kind = format_location(detail["loc"]), detail["type"]
    if kind == "extra_forbidden":
        return f"unknown key {location!r}", _suggest_place(detail["loc"], model)
    if kind == "missing":
        return f"missing key {location!r}", "add the key"
    if kind == "value_error":
        message, _, hint = str(detail["ctx"]["error"]).partition("; ")
        return (f"{location}: {message}" if location else message), hint
    expected = _EXPECTED_MESSAGES.get(kind, detail["msg"].removeprefix("Input "))
    message = f"{location or 'the document'}: {expected}, not {_describe_value(detail['input'])}"
    return message, _suggest_fix(detail, model)


def _suggest_fix(detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    if not detail["loc"]:
        return next((f"start with '{key}:'" for key in model.model_fields), "")
    if detail["input"] is None:
        return "add a value or remove the key"
    if detail["type"] in ("enum", "literal_error"):
        expected = detail["ctx"]["expected"]
        known_values = re.findall(r"'([^']*)'", expected) or re.findall(r"\d+", expected)
        return _suggest_nearest(str(detail["input"]), known_values)
    if detail["type"] == "list_type" and isinstance(detail["input"], dict):
        return "write '- ' before the first key"
    return ""


def format_location(location: Location) -> str:
    """Format a location as `a.b[0].c`; pydantic's marker `[key]` for a key itself is left out."""
    text = ""
    for step in location:
        if step == "[key]":
            continue
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _describe_value(value: object) -> str:
    """Describe a value in at most one line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list():
            return "a list" if value else "an empty list"
        case Decimal() | int():
            return str(value)
    text = repr(value)
    return text if len(text) <= _MAX_VALUE_LENGTH else text[: _MAX_VALUE_LENGTH - 3] + "..."


def _suggest_place(location: Location, model: type[BaseModel]) -> str:
    """Suggest where an unknown key belongs: to a mapping around it, or under a similar name."""
    key = str(location[-1])
    for end in range(len(location) - 2, 0, -1):
        if isinstance(location[end], str) and key in _list_known_keys(model, location[:end]):
            return f"move it to {format_location(location[:end])!r}"
    return _suggest_nearest(key, sorted(_list_known_keys(model, location[:-1])))


def _suggest_nearest(key: str, known_keys: list[str]) -> str:
    close = difflib.get_close_matches(key, known_keys, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(known_keys)}" if known_keys else "no keys are allowed here"


def _list_known_keys(model: type[BaseModel], location: Location) -> set[str]:
    """List the keys of a model at a location, from the annotations of its fields."""
    for step in location:
        if isinstance(step, int):
            continue
        field_model = _find_field_model(model, step)
        if field_model is None:
            return set()
        model = field_model
    return {field.alias or name for name, field in model.model_fields.items()}


def _find_field_model(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return _find_model(field.annotation)
    return None


def _find_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - an annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _find_model(inner)
        if found:
            return found
    return None


def list_all_keys(model: type[BaseModel]) -> set[str]:
    """List the keys of a model and of all models in it."""
    pending, visited = [model], set()
    keys: set[str] = set()
    while pending:
        current = pending.pop()
        if current not in visited:
            visited.add(current)
            keys |= _list_known_keys(current, ())
            pending += [
                inner
                for field in current.model_fields.values()
                if (inner := _find_model(field.annotation))
            ]
    return keys


def validate_document(
    document: Document, model: type[Model], *, lenient: bool | None = None
) -> tuple[Model | None, list[Problem]]:
    """Validate a document against a model; every violation is a problem with its position.

    Args:
        document: as read.
        model: a pydantic model that forbids unknown keys.
        lenient: ignore unknown keys instead of reporting them; None where no option does that.
    """
    value = document.value
    while True:
        try:
            return model.model_validate(value, context=document.context), []
        except ValidationError as error:
            details = error.errors(include_url=False)
            unknown = [d["loc"] for d in details if d["type"] == "extra_forbidden"]
            if not (lenient and unknown):
                return None, _build_problems(
                    document, details, model, can_be_lenient=lenient is not None
                )
            value = _remove_keys(value, unknown)


def _build_problems(
    document: Document,
    details: Sequence[Mapping[str, Any]],
    model: type[BaseModel],
    *,
    can_be_lenient: bool,
) -> list[Problem]:
    """Build the problems of a document; from the hundredth unknown key on, without hints."""
    problems = []
    for number, detail in enumerate(details):
        is_unknown = detail["type"] == "extra_forbidden"
        if is_unknown and number >= _MAX_SUGGESTIONS:
            message, hint = f"unknown key {format_location(detail['loc'])!r}", ""
        else:
            message, hint = explain_error(detail, model)
        if is_unknown and hint and can_be_lenient:
            hint += f"{'' if hint.endswith('?') else ';'} --lenient ignores unknown keys"
        problems.append(Problem(document.find_position(detail["loc"]), message, hint))
    return problems


def _remove_keys(value: Any, locations: list[Location]) -> Any:  # noqa: ANN401 - YAML has any shape
    """Copy nested dicts and lists without the keys at the given paths."""
    if not locations:
        return value
    if isinstance(value, dict):
        removed = {loc[0] for loc in locations if len(loc) == 1}
        return {
            key: _remove_keys(
                item, [loc[1:] for loc in locations if len(loc) > 1 and loc[0] == key]
            )
            for key, item in value.items()
            if key not in removed
        }
    if isinstance(value, list):
        return [
            _remove_keys(item, [loc[1:] for loc in locations if len(loc) > 1 and loc[0] == i])
            for i, item in enumerate(value)
        ]
    return value


@cache
def build_camel_model(model: type[Model]) -> type[Model]:
    """Build a subclass of a model that reads camelCase keys, nested models included.

    Args:
        model: a model; aliases that it has are kept.
    """
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        camel_field = field._copy()  # noqa: SLF001 - the public copy.copy shares what we change
        camel_field.annotation = _respell_annotation(field.annotation)
        if not field.alias:
            camel_field.alias = camel_field.validation_alias = to_camel(name)
        fields[name] = (camel_field.annotation, camel_field)
    camel_model: type[Model] = create_model(model.__name__, __base__=model, **fields)
    return camel_model


def to_camel_location(location: Location) -> Location:
    """Convert the keys of a location to camelCase."""
    return tuple(to_camel(step) if isinstance(step, str) else step for step in location)


def _respell_annotation(annotation: Any) -> Any:  # noqa: ANN401 - an annotation
    """Replace every model in an annotation by its camelCase subclass."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return build_camel_model(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if not inner or not any(_has_model(member_type) for member_type in inner):
        return annotation
    if origin is list:
        return list[_respell_annotation(inner[0])]  # type: ignore[misc] # made at run time
    if origin is dict:
        return dict[inner[0], _respell_annotation(inner[1])]  # type: ignore[valid-type,misc] # likewise
    if origin is Annotated:
        return Annotated[(_respell_annotation(inner[0]), *inner[1:])]
    union = _respell_annotation(inner[0])
    for member in inner[1:]:
        union = union | _respell_annotation(member)
    return union


def _has_model(annotation: Any) -> bool:  # noqa: ANN401 - an annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(_has_model(inner) for inner in get_args(annotation))
