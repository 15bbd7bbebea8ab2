"""YAML text of nested mappings and lists, as configurations have them."""

from collections.abc import Iterator, Mapping, Sequence

from generator import text

Value = str | Mapping[str, "Value"] | Sequence["Value"]

# A list of names is written on one line up to this width.
_WIDTH = 80


def render_nested_mapping(values: Mapping[str, Value]) -> Iterator[str]:
    """Render the lines of a mapping in the order of its keys.

    Texts are quoted, and empty values are left out.
    """
    for key, value in values.items():
        if isinstance(value, str):
            yield from [f"{text.name(key)}: {_quoted(value)}"] if value else []
        elif isinstance(value, Mapping):
            if value:
                yield f"{text.name(key)}:"
                yield from text.indented(render_nested_mapping(value), 2)
        elif flow := _on_one_line(value):
            yield f"{text.name(key)}: {flow}"
        elif value:
            yield f"{text.name(key)}:"
            yield from text.indented(_items(value), 2)


def _on_one_line(values: Sequence[Value]) -> str:
    texts = [_quoted(value) for value in values if isinstance(value, str)]
    line = f"[{', '.join(texts)}]"
    return line if values and len(texts) == len(values) and len(line) < _WIDTH else ""


def _items(values: Sequence[Value]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Mapping):
            first, *rest = render_nested_mapping(value)
            yield f"- {first}"
            yield from text.indented(rest, 2)
        elif isinstance(value, str):
            yield f"- {_quoted(value)}"


def _quoted(value: str) -> str:
    """Quote a text. Matchers contain double quotes and are easier to read in single quotes."""
    plain = value.isprintable() and '"' in value and "'" not in value
    return f"'{value}'" if plain else text.scalar(value)
