"""PyYAML loader and constructor with the scalars of YAML 1.2 and their source text.

As for Sloth's reader, `0o17`, `1e3` and `9.99e1` are numbers and `22:30` is text. A mapping keeps
the source text of its plain scalars, because labels are text: `1.10`, `yes` and `0x1F` stay as
written.
"""

import re
from collections.abc import Hashable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
_TEXT = _TAG + "str"
_INTEGER = re.compile(
    r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)\Z", re.IGNORECASE
)
_FLOAT = re.compile(
    r"(?:[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[0-9][0-9_]*[eE][-+]?[0-9]+)|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_NUMBER_PATTERNS = {_TAG + "int": _INTEGER, _TAG + "float": _FLOAT}
_INTEGER_BASES = {"0b": 2, "0o": 8, "0x": 16}


class WrittenMapping(dict[Hashable, Any]):
    """A mapping with the source text of its plain scalars.

    Attributes:
        texts: for each key, its source text and that of its value; None where it is not a plain
            scalar, or null.
    """

    texts: dict[Hashable, tuple[str | None, str | None]]


class YamlLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # either will do
    """PyYAML loader that tags numbers by YAML 1.2; libyaml's where there is one."""


def _build_resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {
        first: [(tag, pattern) for tag, pattern in patterns if tag not in _NUMBER_PATTERNS]
        for first, patterns in YamlLoader.yaml_implicit_resolvers.items()
    }
    for first in "-+.0123456789":
        resolvers[first] = [*resolvers.get(first, []), *_NUMBER_PATTERNS.items()]
    return resolvers


YamlLoader.yaml_implicit_resolvers = _build_resolvers()


class YamlConstructor(yaml.constructor.SafeConstructor):
    """PyYAML constructor of values from nodes; decimals stay exact and dates stay text."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Construct a value; one that cannot be read is an error with its position."""
        if node.tag == _TEXT and isinstance(node, yaml.ScalarNode):  # most are
            return node.value
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, KeyError, IndexError, ArithmeticError) as error:
            kind = node.tag.rpartition(":")[2]
            message = f"invalid {kind}"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark) from error

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Construct an integer of any base; a leading zero means octal, as for Sloth."""
        text = node.value.replace("_", "").lower()
        digits = text.lstrip("+-")
        sign = -1 if text.startswith("-") else 1
        if digits[:2] in _INTEGER_BASES:
            return sign * int(digits[2:], _INTEGER_BASES[digits[:2]])
        return sign * int(digits, 8 if digits.startswith("0") else 10)

    def construct_decimal(self, node: yaml.ScalarNode) -> object:
        """Construct an exact decimal."""
        try:
            return Decimal(node.value.replace("_", ""))
        except InvalidOperation:
            return self.construct_yaml_float(node)

    def construct_date_text(self, node: yaml.ScalarNode) -> str:
        """Construct a date as text."""
        return str(node.value)

    def construct_written_mapping(self, node: yaml.MappingNode) -> Iterator[WrittenMapping]:
        """Construct a mapping in two steps, as PyYAML needs it for one that contains itself."""
        mapping = WrittenMapping()
        yield mapping
        mapping.update(self.construct_mapping(node))
        mapping.texts = {
            self.construct_object(key): (_get_plain_text(key), _get_plain_text(value))
            for key, value in node.value
        }


def _get_plain_text(node: yaml.Node) -> str | None:
    is_plain = isinstance(node, yaml.ScalarNode) and not node.style
    return str(node.value) if is_plain and node.tag != _TAG + "null" else None


YamlConstructor.yaml_constructors = {
    **yaml.constructor.SafeConstructor.yaml_constructors,
    _TAG + "int": YamlConstructor.construct_integer,
    _TAG + "float": YamlConstructor.construct_decimal,
    _TAG + "timestamp": YamlConstructor.construct_date_text,
    _TAG + "map": YamlConstructor.construct_written_mapping,
}
