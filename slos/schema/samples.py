"""Parser of promtool's notation of samples: `0x119 1+2x30 _x20 5`."""

import re
from decimal import Decimal
from itertools import repeat

_RUN = re.compile(
    r"(?P<first>-?\d+(?:\.\d+)?)(?:(?P<by>[+-]\d+(?:\.\d+)?)?x(?P<more>\d+))?"
    r"|_(?:x(?P<missing>\d+))?"
)
# A month of samples at an interval of 30 s.
_MOST = 100_000


def parse_samples(text: str) -> list[Decimal | None]:
    """Parse samples; None is a missing sample.

    Raises:
        ValueError: it is another notation, or more samples than a month has.
    """
    samples: list[Decimal | None] = []
    for run in text.split():
        found = _RUN.fullmatch(run)
        if not found:
            raise ValueError(
                f"{run!r} is not a run of samples; write it like 5, 5x30, 0+2x30 or _x3"
            )
        times = _times(found)
        if len(samples) + times > _MOST:
            raise ValueError(f"{text!r} is more than {_MOST} samples; put them further apart")
        samples += repeat(None, times) if found["first"] is None else _rising(found, times)
    if not samples:
        raise ValueError("there is no sample; write them like 5x30 _x3 0+2x30")
    return samples


def one_text(text: str) -> str:
    """Return the notation of samples when it is valid.

    Raises:
        ValueError: it is not, see `parse_samples`.
    """
    parse_samples(text)
    return text


def _times(found: re.Match[str]) -> int:
    """Count the samples of a run: `5x2` is three, the first and two more; `_x2` is two."""
    if found["first"] is None:
        return int(found["missing"] or 1)
    return 1 + int(found["more"] or 0)


def _rising(found: re.Match[str], times: int) -> list[Decimal | None]:
    first, by = Decimal(found["first"]), Decimal(found["by"] or 0)
    return [first + by * number for number in range(times)]
