"""YAML documents with positions."""

import re
from collections.abc import Hashable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import yaml

from slos.schema.problem import Position, Problem
from slos.schema.yaml.composition import YamlLimitError, compose_documents
from slos.schema.yaml.parts import Place, find_parts, list_series_names, remove_parts
from slos.schema.yaml.scalars import YamlConstructor

Location = tuple[str | int, ...]

# A line, or its value, that a template engine writes.
_TEMPLATE = re.compile(r"\s*(- )?([\w./-]+:\s+)?\{\{")


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document.

    Attributes:
        file: the file name that problems show.
        value: the plain value: dicts, lists, texts and numbers.
        node: the node tree of PyYAML, which has the positions.
        context: what validators know of the run, by name.
    """

    file: str
    value: Any
    node: yaml.Node
    context: Mapping[str, Any] = field(default_factory=dict)
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


def read_documents(
    data: bytes, file: str, *, left_out: AbstractSet[Place] = frozenset()
) -> tuple[list[Document], list[Problem]]:
    """Read the documents of a YAML or JSON file; empty ones are left out.

    The problems: not text, not YAML, an unknown tag, a duplicate key, too deep or too large.

    Args:
        data: the file's content.
        file: the file name that problems show.
        left_out: parts of specs that are not read.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        hint = "save the file as UTF-8"
        return [], [Problem(Position(file), "not a text file", hint)]
    try:
        nodes = list(compose_documents(text))
        return _construct_documents(remove_parts(nodes, left_out) if left_out else nodes, file)
    except yaml.MarkedYAMLError as error:
        return [], [_build_syntax_problem(error, file, text)]
    except yaml.reader.ReaderError as error:
        hint = "remove the control character"
        return [], [Problem(Position(file), f"invalid YAML: {error.reason}", hint)]
    except YamlLimitError as error:
        return [], [Problem(Position(file), str(error), "use less nesting and fewer aliases")]


def find_parts_with(
    data: bytes, positions: Iterable[Position], left_out: AbstractSet[Place]
) -> set[Place] | None:
    """Find the parts of a spec file with these positions; None if it is the whole file."""
    try:
        nodes = list(compose_documents(data.decode("utf-8-sig")))
    except (UnicodeDecodeError, yaml.YAMLError, YamlLimitError):
        return None
    nodes = remove_parts(nodes, left_out)
    found = [find_parts(nodes, (each.line, each.column)) for each in positions]
    parts = set().union(*found)
    return parts if all(found) and remove_parts(nodes, parts) else None


def list_names(data: bytes, places: AbstractSet[Place] | None) -> list[str]:
    """List the metrics and SLO ids of parts of a spec file, with repeats; None is all parts."""
    try:
        nodes = list(compose_documents(data.decode("utf-8-sig")))
    except (UnicodeDecodeError, yaml.YAMLError, YamlLimitError):
        return []
    return list_series_names(nodes, places)


def _construct_documents(nodes: list[yaml.Node], file: str) -> tuple[list[Document], list[Problem]]:
    documents, problems = [], []
    for node in nodes:
        repeated_keys = list(_find_repeated_keys(node, file))
        problems += repeated_keys
        if not repeated_keys:
            documents.append(Document(file, YamlConstructor().construct_document(node), node))
    return documents, problems


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
                if not isinstance(value, yaml.ScalarNode):
                    pending.append(value)
                if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                    earlier = first.setdefault(key.value, key)
                    if earlier is not key:
                        yield Problem(
                            _build_position(file, key),
                            f"duplicate key {key.value!r}",
                            f"first on line {earlier.start_mark.line + 1}; remove one of them",
                        )


def _build_position(file: str, node: yaml.Node) -> Position:
    return Position(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _build_syntax_problem(error: yaml.MarkedYAMLError, file: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    position = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file)
    message = " ".join(part for part in (error.context, error.problem) if part)
    message = re.sub(r".*for the tag .*", "unknown tag", message, flags=re.DOTALL)  # maybe a secret
    line = text.splitlines()[mark.line : mark.line + 1] if mark else []
    hint = "check indentation, quotes and brackets here"
    if any(_TEMPLATE.match(each) for each in line):
        hint = "quote the value, or render the template first, as 'helm template' does"
    return Problem(position, f"invalid YAML: {message}", hint)
