"""Check of the latency quantiles of an SLO whose series all follow the same course."""

from collections.abc import Iterable
from decimal import Decimal

import promql_parser as ast

from generator import names
from generator.model import SLO
from generator.unit_tests import decoys, tier_values
from generator.unit_tests.case import ValueCheck
from generator.unit_tests.made_up import INFINITE, OTHER
from generator.unit_tests.steady import Steady
from slos.schema import promql
from slos.schema.units import Duration


def check(slo: SLO, series: Iterable[Steady], at: Duration) -> ValueCheck:
    """Check the quantiles.

    Prometheus interpolates from 0 in the first bucket, and returns the bound beyond the last one.
    """
    buckets = promql.parse(slo.signal.histogram.buckets if slo.signal.histogram else "")
    rates = {
        border: sum(each.rate for each in series if _is_bucket(each, buckets, border=border))
        for border in {each.labels["le"] for each in series if "le" in each.labels}
    }
    border = next(border for border in rates if border != INFINITE)
    within = Decimal(rates[border]) / rates[INFINITE]
    labels = names.for_people(slo)
    window = slo.windows[0]
    gives = []
    for quantile in names.QUANTILES:
        value = Decimal(border) * min(Decimal(1), Decimal(quantile) / within)
        own = frozenset({(names.QUANTILE, quantile), *_groups(slo)})
        gives.append((tier_values.shown(labels, own), tier_values.rounded(value)))
    metric = names.of(names.latency_quantile(window), slo)
    return ValueCheck(at, tier_values.rounding(metric), tuple(gives))


def _is_bucket(series: Steady, buckets: ast.Expr, *, border: str) -> bool:
    selects = isinstance(buckets, ast.VectorSelector) and decoys.takes(
        buckets, series.metric, series.labels
    )
    return selects and series.labels.get("le") == border


def _groups(slo: SLO) -> set[tuple[str, str]]:
    return {(name, OTHER) for name in slo.signal.histogram.by} if slo.signal.histogram else set()
