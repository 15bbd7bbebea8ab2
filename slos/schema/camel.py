"""Models with the camelCase keys of Kubernetes: `errorQuery` for `error_query`."""

from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, create_model
from pydantic.alias_generators import to_camel

from slos.schema.document import Location

Model = TypeVar("Model", bound=BaseModel)


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
