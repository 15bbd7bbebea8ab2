"""Bounds of the buckets of a histogram, read from a running Prometheus."""

from decimal import Decimal, InvalidOperation

from generator.clients.json_api import expect_server
from generator.clients.prometheus import read_prometheus
from slos.schema.sli_signal import Histogram


def read_bounds(url: str, histogram: Histogram) -> list[Decimal]:
    """Read the upper bounds of the buckets of a classic histogram; none of a native one.

    Raises:
        APIError: a request fails.
    """
    if histogram.is_native:
        return []
    data = read_prometheus(url, "label/le/values", **{"match[]": histogram.selector})
    with expect_server(url, "a Prometheus"):
        bounds = {_parse_bound(str(value)) for value in data}
        return sorted(bound for bound in bounds if bound is not None)


def _parse_bound(text: str) -> Decimal | None:
    try:
        bound = Decimal(text)
    except InvalidOperation:
        return None
    return bound.normalize() if bound.is_finite() and bound > 0 else None
