"""JSON Patch (RFC 6902), the operations that our patches use."""

from typing import Any

Json = dict[str, Any]


class PatchError(Exception):
    """An operation does not fit the document."""


def apply(document: Json, operations: list[Json]) -> None:
    """Change a document in place."""
    for each in operations:
        *parents, last = [_unescaped(part) for part in each["path"].split("/")[1:]]
        holder: Any = document
        for part in parents:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        _change(holder, last, each)


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _change(holder: Any, key: str, operation: Json) -> None:  # noqa: ANN401 - JSON
    place: Any = int(key) if isinstance(holder, list) and key != "-" else key
    match operation["op"]:
        case "add" if isinstance(holder, list):
            holder.insert(len(holder) if key == "-" else place, operation["value"])
        case "add":
            holder[place] = operation["value"]
        case "replace":
            _must_be_there(holder, place)
            holder[place] = operation["value"]
        case "test":
            _must_be_there(holder, place)
            if holder[place] != operation["value"]:
                raise PatchError(f"{operation['path']} is {holder[place]!r}")
        case other:
            raise PatchError(f"the operation {other} is not known here")


def _must_be_there(holder: Any, place: Any) -> None:  # noqa: ANN401 - JSON
    there = place < len(holder) if isinstance(holder, list) else place in holder
    if not there:
        raise PatchError(f"there is no {place}")
