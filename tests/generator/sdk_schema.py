"""Whether JSON is a dashboard by the models of Grafana's SDK: no unknown key, no wrong type.

The SDK reads anything: what it does not know it drops, and types it takes on trust. So what it
drops is found by writing it again, and types are compared with those its models are annotated with.
"""

import json
import sys
import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# What Prometheus' annotations have, and the SDK's model of any data source has not.
_BESIDE = {"titleFormat", "textFormat", "tagKeys"}


def problems(board: dict[str, Any]) -> list[str]:
    """What is wrong, each with the place in the JSON."""
    plugins.register_default_plugins()
    read = Dashboard.from_json(board)
    written = json.loads(json.dumps(read, cls=JSONEncoder))
    return [*_dropped(board, written, ""), *_mistyped(read, Dashboard, "")]


def _dropped(given: Any, kept: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from _dropped(value, kept[key], f"{path}/{key}")
            elif not (path.startswith("/annotations/list/") and key in _BESIDE):
                yield f"{path}/{key} is not known"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, pair in enumerate(zip(given, kept, strict=True)):
            yield from _dropped(*pair, f"{path}/{number}")
    elif given != kept:
        yield f"{path} is read as {kept!r}"


def _mistyped(value: Any, hint: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any type
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        found = [list(_mistyped(value, each, path)) for each in inner]
        yield from min(found, key=len)
    elif hasattr(value, "to_json") and not isinstance(value, Enum):
        yield from _of_model(value, path)
    elif isinstance(value, dict) and hasattr(hint, "from_json"):  # the SDK left it as it was
        yield from _read_as(value, hint, path)
    elif hint in (Any, object):
        return
    elif not _fits(value, origin or hint, inner):
        yield f"{path} is {value!r}, no {hint}"
    elif origin is list:
        for number, each in enumerate(value):
            yield from _mistyped(each, inner[0], f"{path}/{number}")
    elif origin is dict:
        for key, each in value.items():
            yield from _mistyped(each, inner[1], f"{path}/{key}")


def _read_as(value: dict[str, Any], model: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    read = model.from_json(value)
    yield from _dropped(value, json.loads(json.dumps(read, cls=JSONEncoder)), path)
    yield from _of_model(read, path)


def _of_model(value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any model
    kind = type(value)
    for name, hint in get_type_hints(kind, vars(sys.modules[kind.__module__])).items():
        if hasattr(value, name):
            yield from _mistyped(getattr(value, name), hint, f"{path}/{name}")


def _fits(value: Any, hint: Any, inner: tuple[Any, ...]) -> bool:  # noqa: ANN401 - any type
    if hint is Literal:
        return value in inner
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return value in list(hint)
    return isinstance(value, hint)
