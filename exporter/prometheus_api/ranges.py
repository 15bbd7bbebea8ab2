"""A long range in requests that Prometheus answers, on one grid of points. Pure.

Everything is in whole milliseconds, so that no point is lost or doubled where two requests
meet.
"""

from collections.abc import Iterator

MOST_POINTS = 11_000
"""Points of one series that Prometheus gives in one answer."""


def milliseconds(seconds: float) -> int:
    """Seconds as Prometheus counts them."""
    return round(seconds * 1000)


def written(ms: int) -> str:
    """Milliseconds as seconds, the way the API reads times and steps."""
    return f"{ms // 1000}.{ms % 1000:03}"


def windows(start: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """The first and the last point of each request.

    Raises:
        ValueError: it is no range.
    """
    if step <= 0 or end < start or start < 0:
        raise ValueError(f"no range: from {start} to {end} ms in steps of {step} ms")
    points = (end - start) // step + 1
    for first in range(0, points, MOST_POINTS):
        last = min(first + MOST_POINTS, points) - 1
        yield start + first * step, start + last * step
