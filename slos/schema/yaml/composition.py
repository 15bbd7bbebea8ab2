"""Composition of YAML nodes from a text, which may be JSON objects one after the other.

`kubectl get -o json` prints a JSON object, `kubectl get -o yaml` a YAML document. Two of either are
a file with several objects; several objects of one command are the items of a `List`. Tools of
OpenSLO write a plain list of objects.
"""

import json
import re
from collections.abc import Iterable, Iterator

import yaml

from slos.schema.yaml.scalars import YamlLoader

# Far above any real spec, far below the limits of stack and memory.
_MAX_DEPTH = 500
_MAX_VALUES = 100_000

_DECODER = json.JSONDecoder()
_JSON_START = re.compile(r"\s*(?:---\s+)*(?=\{)")
# JSON writes a character beyond 16 bits as two escapes, which YAML does not read, and allows
# characters that YAML refuses or takes for line breaks.
_NOT_YAML = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)"
    "|[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
)


class YamlLimitError(Exception):
    """A YAML file exceeds a limit; the message says which."""


def compose_documents(text: str) -> Iterator[yaml.Node]:
    """Compose the nodes of the documents that are not empty; items of a list are documents.

    Raises:
        yaml.YAMLError: the text is no YAML.
        YamlLimitError: it is nested too deep, or its aliases expand to too many values.
    """
    for part in _split_json(text):
        check_depth(part, YamlLoader)
        for node in yaml.compose_all(part, Loader=YamlLoader):
            if "*" in part:  # only aliases expand to more values than were written
                check_size(node)
            yield from (item for item in _list_items(node) if not _is_empty(item))


def _split_json(text: str) -> Iterator[str]:
    """Split a text into JSON objects and what follows them; each keeps its place in the text."""
    start = 0
    while found := _JSON_START.match(text, start):
        try:
            _, end = _DECODER.raw_decode(text, found.end())
        except (ValueError, RecursionError):  # no JSON: YAML reads it or says what is wrong
            break
        written = text[found.end() : end]
        yield _keep_place(text, found.end()) + _NOT_YAML.sub(_respell, written)
        start = end
    if not start or text[start:].strip():
        yield _keep_place(text, start) + text[start:]


def _keep_place(text: str, start: int) -> str:
    """Blank lines and columns in the place of what comes before."""
    return "\n" * text.count("\n", 0, start) + " " * (start - text.rfind("\n", 0, start) - 1)


def _respell(found: re.Match[str]) -> str:
    if found[1]:
        return bytes.fromhex(found[1] + found[2]).decode("utf-16-be")
    return found[0] if found[0].startswith("\\") else f"\\u{ord(found[0]):04x}"


def _list_items(node: yaml.Node, outer: tuple[yaml.Node, ...] = ()) -> list[yaml.Node]:
    """List the items of a list of objects and of lists in it; the node itself without any.

    Kubernetes has a `List` with `items`, OpenSLO a plain list. A list that contains itself by an
    alias is an item there.
    """
    children = _read_children(node)
    kind, items = children.get("kind"), children.get("items")
    if isinstance(node, yaml.SequenceNode):
        is_list, items = all("apiVersion" in _read_children(each) for each in node.value), node
    else:
        is_list = isinstance(kind, yaml.ScalarNode) and kind.value.endswith("List")
    if is_list and isinstance(items, yaml.SequenceNode) and items.value and node not in outer:
        return [item for each in items.value for item in _list_items(each, (*outer, node))]
    return [node]


def _read_children(node: yaml.Node) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _is_empty(node: yaml.Node | None) -> bool:
    return node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"))


def check_depth(text: str, loader: type) -> None:
    """Refuse nesting that would exhaust the stack; the event parser needs no stack itself.

    Deep nesting needs many brackets or long, indented lines. Files without either are not parsed
    a second time.

    Raises:
        YamlLimitError: the nesting is too deep.
    """
    brackets = text.count("[") + text.count("{")
    if brackets <= _MAX_DEPTH and max(map(len, text.splitlines()), default=0) <= _MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise YamlLimitError(f"the YAML is nested deeper than {_MAX_DEPTH} levels")


def check_size(node: yaml.Node) -> None:
    """Refuse aliases of aliases that expand to more values than memory holds.

    Raises:
        YamlLimitError: there are too many values.
    """
    sizes: dict[int, int] = {}

    def count_values(current: yaml.Node) -> int:
        if id(current) not in sizes:
            sizes[id(current)] = 1  # an alias inside itself counts once
            sizes[id(current)] += sum(count_values(child) for child in _list_children(current))
        return sizes[id(current)]

    # Without aliases there are as many values as nodes.
    if count_values(node) > max(_MAX_VALUES, 2 * len(sizes)):
        raise YamlLimitError(f"aliases expand to more than {_MAX_VALUES} values")


def _list_children(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else ()
