"""Split of a long range query into requests on one grid of points. Pure.

All times are whole milliseconds, so that no point is lost or doubled between two requests.
"""

from collections.abc import Iterator

MOST_POINTS = 11_000
"""Maximum points of one series in one response of Prometheus."""


def milliseconds(seconds: float) -> int:
    """Convert seconds to whole milliseconds."""
    return round(seconds * 1000)


def written(ms: int) -> str:
    """Format milliseconds as seconds, as the API reads times and steps."""
    return f"{ms // 1000}.{ms % 1000:03}"


def windows(start: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """Split a range; yield the first and the last point of each request.

    Raises:
        ValueError: the range is invalid.
    """
    if step <= 0 or end < start or start < 0:
        raise ValueError(f"no range: from {start} to {end} ms in steps of {step} ms")
    points = (end - start) // step + 1
    for first in range(0, points, MOST_POINTS):
        last = min(first + MOST_POINTS, points) - 1
        yield start + first * step, start + last * step
