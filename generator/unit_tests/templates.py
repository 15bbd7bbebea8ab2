"""Expansion of annotation templates as in Prometheus, for values and labels."""

import re
from collections.abc import Mapping
from decimal import Decimal

from generator import go_format

_VALUE = re.compile(r"\{\{\s*\$value\s*\}\}")
_LABEL = re.compile(r"\{\{\s*\$labels\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_LITERAL = re.compile(r"\{\{\s*`([^`]*)`\s*\}\}|\{\{\s*\"((?:[^\"\\]|\\.)*)\"\s*\}\}")


def expanded(
    annotations: Mapping[str, str], labels: Mapping[str, str], value: Decimal
) -> dict[str, str] | None:
    """Expand the texts; None if one uses more of Go's templates than a value and labels."""
    texts = {}
    for name, text in annotations.items():
        filled = _VALUE.sub(go_format.number(float(value)), text)
        filled = _LABEL.sub(lambda found: labels.get(found.group(1), ""), filled)
        if "{{" in _LITERAL.sub("", filled):
            return None
        texts[name] = _LITERAL.sub(lambda found: found.group(1) or found.group(2) or "", filled)
    return texts
