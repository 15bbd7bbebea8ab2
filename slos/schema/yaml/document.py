"""YAML documents with positions, within limits of depth and size."""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from slos.schema.problem import Position, Problem
from slos.schema.yaml.scalars import YamlConstructor, YamlLoader

# Far above any real spec, far below the limits of stack and memory.
_MAX_DEPTH = 500
_MAX_VALUES = 100_000

Location = tuple[str | int, ...]


class YamlLimitError(Exception):
    """A YAML file exceeds a limit; the message says which."""


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

    if count_values(node) > _MAX_VALUES:
        raise YamlLimitError(f"aliases expand to more than {_MAX_VALUES} values")


def _list_children(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else ()


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document.

    Attributes:
        file: the file name that problems show.
        value: the plain value: dicts, lists, texts and numbers.
        node: the node tree of PyYAML, which has the positions.
    """

    file: str
    value: Any
    node: yaml.Node
    _children: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def find_position(self, location: Location = ()) -> Position:
        """Find the position of a value by its path of keys and indexes.

        Where the path ends early, as for a missing key, the innermost node on it counts.
        """
        node, position_node = self.node, self.node
        for step in location:
            child = self._find_child(node, step)
            if child is None:
                break
            position_node, node = child
        return _build_position(self.file, position_node)

    def _find_child(self, node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        """Find a child: the node that has its position, and the node of its value."""
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step], node.value[step]
        if not isinstance(node, yaml.MappingNode):
            return None
        if id(node) not in self._children:
            pairs = reversed(node.value)  # the first of two equal keys counts
            self._children[id(node)] = {
                key.value: (key, value) for key, value in pairs if isinstance(key, yaml.ScalarNode)
            }
        return self._children[id(node)].get(str(step))


def read_documents(data: bytes, file: str) -> tuple[list[Document], list[Problem]]:
    """Read the documents of a YAML file; empty ones are left out.

    The problems: not text, not YAML, an unknown tag, a duplicate key, too deep or too large.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        hint = "save the file as UTF-8"
        return [], [Problem(Position(file), "not a text file", hint)]
    try:
        check_depth(text, YamlLoader)
        nodes = [node for node in yaml.compose_all(text, Loader=YamlLoader) if not _is_empty(node)]
        if "*" in text:  # only aliases expand to more values than were written
            for node in nodes:
                check_size(node)
        return _construct_documents(nodes, file)
    except yaml.MarkedYAMLError as error:
        return [], [_build_syntax_problem(error, file)]
    except yaml.reader.ReaderError as error:
        hint = "remove the control character"
        return [], [Problem(Position(file), f"invalid YAML: {error.reason}", hint)]
    except YamlLimitError as error:
        return [], [Problem(Position(file), str(error), "use less nesting and fewer aliases")]


def _construct_documents(nodes: list[yaml.Node], file: str) -> tuple[list[Document], list[Problem]]:
    documents, problems = [], []
    for node in nodes:
        repeated_keys = list(_find_repeated_keys(node, file))
        problems += repeated_keys
        if not repeated_keys:
            documents.append(Document(file, YamlConstructor().construct_document(node), node))
    return documents, problems


def _is_empty(node: yaml.Node | None) -> bool:
    return node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"))


def _find_repeated_keys(node: yaml.Node, file: str) -> Iterable[Problem]:
    """Find duplicate keys of mappings; YAML forbids them, and parsers keep only the last."""
    pending, visited = [node], set()
    while pending:
        current = pending.pop()
        if id(current) in visited:
            continue
        visited.add(id(current))
        if isinstance(current, yaml.SequenceNode):
            pending += current.value
        elif isinstance(current, yaml.MappingNode):
            first: dict[Hashable, yaml.Node] = {}
            for key, value in current.value:
                pending.append(value)
                if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                    earlier = first.setdefault(key.value, key)
                    if earlier is not key:
                        yield Problem(
                            _build_position(file, key),
                            f"duplicate key {key.value!r}",
                            f"first on line {earlier.start_mark.line + 1}",
                        )


def _build_position(file: str, node: yaml.Node) -> Position:
    return Position(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _build_syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    position = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file)
    message = " ".join(part for part in (error.context, error.problem) if part)
    message = re.sub(r".*for the tag .*", "unknown tag", message, flags=re.DOTALL)  # maybe a secret
    return Problem(
        position, f"invalid YAML: {message}", "check indentation, quotes and brackets here"
    )
