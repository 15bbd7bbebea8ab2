"""Validator of dashboard JSON by the models of the Grafana SDK: unknown keys, wrong types.

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
_UNMODELLED_KEYS = {"titleFormat", "textFormat", "tagKeys"}


def find_problems(board: dict[str, Any]) -> list[str]:
    """List the faults, each with its place in the JSON."""
    plugins.register_default_plugins()
    dashboard = Dashboard.from_json(board)
    written = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    return [*_find_dropped(board, written, ""), *_find_mistyped(dashboard, Dashboard, "")]


def _find_dropped(original: Any, reread: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(original, dict) and isinstance(reread, dict):
        for key, value in original.items():
            if key in reread:
                yield from _find_dropped(value, reread[key], f"{path}/{key}")
            elif not (path.startswith("/annotations/list/") and key in _UNMODELLED_KEYS):
                yield f"{path}/{key} is not known"
    elif isinstance(original, list) and isinstance(reread, list) and len(original) == len(reread):
        for number, pair in enumerate(zip(original, reread, strict=True)):
            yield from _find_dropped(*pair, f"{path}/{number}")
    elif original != reread:
        yield f"{path} is read as {reread!r}"


def _find_mistyped(value: Any, hint: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any type
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        found = [list(_find_mistyped(value, each, path)) for each in inner]
        yield from min(found, key=len)
    elif hasattr(value, "to_json") and not isinstance(value, Enum):
        yield from _find_mistyped_fields(value, path)
    elif isinstance(value, dict) and hasattr(hint, "from_json"):  # the SDK left it as it was
        yield from _find_mistyped_model(value, hint, path)
    elif hint in (Any, object):
        return
    elif not _has_type(value, origin or hint, inner):
        yield f"{path} is {value!r}, no {hint}"
    elif origin is list:
        for number, each in enumerate(value):
            yield from _find_mistyped(each, inner[0], f"{path}/{number}")
    elif origin is dict:
        for key, each in value.items():
            yield from _find_mistyped(each, inner[1], f"{path}/{key}")


def _find_mistyped_model(value: dict[str, Any], model: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    parsed = model.from_json(value)
    yield from _find_dropped(value, json.loads(json.dumps(parsed, cls=JSONEncoder)), path)
    yield from _find_mistyped_fields(parsed, path)


def _find_mistyped_fields(value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any model
    model = type(value)
    for name, hint in get_type_hints(model, vars(sys.modules[model.__module__])).items():
        if hasattr(value, name):
            yield from _find_mistyped(getattr(value, name), hint, f"{path}/{name}")


def _has_type(value: Any, hint: Any, inner: tuple[Any, ...]) -> bool:  # noqa: ANN401 - any type
    if hint is Literal:
        return value in inner
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return value in list(hint)
    return isinstance(value, hint)
