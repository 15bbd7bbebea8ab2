"""Labels and annotations that were written as numbers, in the texts that Sloth makes of them."""

from collections.abc import Mapping
from decimal import Decimal

from generator import go_format
from slos.schema.document import Location
from slos.schema.located import LocatedSpec


def as_sloth_reads(
    located: LocatedSpec, path: Location, texts: Mapping[str, str]
) -> dict[str, str]:
    """The texts of a mapping; a fraction is the shortest 32-bit number, `1.10` reads `1.1`."""
    written = _at(located, path)
    numbers = {key: value for key, value in written.items() if isinstance(value, Decimal)}
    short = {key: go_format.number32(float(number)) for key, number in numbers.items()}
    return {key: short.get(key, text) for key, text in texts.items()}


def _at(located: LocatedSpec, path: Location) -> dict[str, object]:
    value = located.document.value
    for step in located.origin.where(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return value if isinstance(value, dict) else {}
