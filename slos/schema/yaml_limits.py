"""Limits of depth and size, so that no YAML file exhausts stack or memory."""

from collections.abc import Iterable

import yaml

# Far above any real spec, far below the limits of stack and memory.
_DEPTH = 500
_VALUES = 100_000


class TooMuchError(Exception):
    """A YAML file exceeds a limit; the message says which."""


def check_depth(text: str, loader: type) -> None:
    """Refuse nesting that would exhaust the stack; the event parser needs no stack itself.

    Deep nesting needs many brackets or long, indented lines. Files without either are not parsed
    a second time.

    Raises:
        YamlLimitError: the nesting is too deep.
    """
    brackets = text.count("[") + text.count("{")
    if brackets <= _DEPTH and max(map(len, text.splitlines()), default=0) <= _DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH:
            raise TooMuchError(f"the YAML is nested deeper than {_DEPTH} levels")


def check_size(node: yaml.Node) -> None:
    """Refuse aliases of aliases that expand to more values than memory holds.

    Raises:
        YamlLimitError: there are too many values.
    """
    sizes: dict[int, int] = {}

    def size(current: yaml.Node) -> int:
        if id(current) not in sizes:
            sizes[id(current)] = 1  # an alias inside itself counts once
            sizes[id(current)] += sum(size(child) for child in _children(current))
        return sizes[id(current)]

    if size(node) > _VALUES:
        raise TooMuchError(f"aliases multiply to more than {_VALUES} values")


def _children(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else ()
