"""A test of what is counted: from raw series of known rates to the tiers.

The series are made up from the matchers of the SLI's queries: for each label a value that each
matcher takes, and one that none does, in every combination.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product

import promql_parser as ast

from generator import names, tiers
from generator.model import SLO
from generator.unit_tests import decoys
from generator.unit_tests.case import Case, Rising, Series, ValueCheck
from generator.unit_tests.steady import Evaluation, Labels, NotKnownError, Steady, Vector
from slos.schema import promql
from slos.schema.counting import Counting
from slos.schema.units import Duration

_OTHER = "other"
_TOO_MANY = 64
# The share of observations within the threshold: quantiles on both sides of it.
_WITHIN = Decimal("0.9875")
_MILLION = 1_000_000
_INFINITE = "+Inf"


def cases(slo: SLO) -> Iterator[Case]:
    """The test, unless the queries do more than is understood, or their groups are not known."""
    series = list(_series(slo))
    counts = slo.signal.counting
    counters = set(_counters(slo))
    run = Evaluation(series, slo.steps.fine, slo.steps.scrape)
    try:
        total = run.of_template(slo.signal.total)
        errors = run.of_template(slo.signal.errors)
    except (NotKnownError, ArithmeticError):
        return
    if not total or {name for labels in total for name, _ in labels} != set(slo.signal.by):
        return
    length = 3 * slo.steps.coarse.ms // slo.steps.scrape.ms
    at = slo.steps.coarse * 2 + slo.steps.fine
    each_step = slo.steps.fine.seconds if counts is Counting.PER_SECOND else Decimal(1)
    checks = [
        check
        for tier, steps in ((slo.steps.fine, 1), (slo.steps.coarse, _ratio(slo)))
        for name, vector in ((names.total, total), (names.errors, _complete(slo, errors, total)))
        for check in [_check(slo, name(tier), vector, each_step * steps, at)]
    ]
    if slo.signal.histogram:
        checks.append(_quantiles(slo, series, at))
    if tiers.counts_increments(slo):
        yield _burst(slo, series, total, _complete(slo, errors, total))
    yield Case(
        "what is counted",
        slo.steps.scrape,
        slo.steps.fine,
        tuple(
            _given(each, slo.steps.scrape, length, rises=each.metric in counters) for each in series
        ),
        tuple(checks),
    )


def _burst(slo: SLO, series: Sequence[Steady], total: Vector, errors: Vector) -> Case:
    """All events of a coarse step at one scrape: they are counted once, and then forgotten."""
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    # A scrape before a step ends; what looks back one scrape too far would see it a step longer.
    step = coarse * 2
    before = step.ms // scrape.ms - 1
    given = tuple(
        Series(
            names.series(each.metric, each.labels),
            [*[Decimal(0)] * before, *[each.rate * coarse.seconds] * (2 * before)],
        )
        for each in series
    )
    per_second = slo.signal.counting is Counting.PER_SECOND
    all_of_it = coarse.seconds if per_second else Decimal(_ratio(slo))
    expected = [
        (coarse, step + fine, all_of_it),
        (coarse, Duration(step.ms + coarse.ms - fine.ms), all_of_it),
        (coarse, step + coarse + fine, Decimal(0)),
    ]
    if fine.ms % scrape.ms == 0:
        expected.append((fine, step + fine, Decimal(0)))
    checks = [
        _check(slo, name(tier), vector, factor, at)
        for tier, at, factor in expected
        for name, vector in ((names.total, total), (names.errors, errors))
    ]
    if slo.signal.histogram:
        metric = names.of(names.latency_quantile(slo.windows[0]), slo)
        checks.append(ValueCheck(step + slo.windows[0] + fine, metric, ()))
    return Case("a burst is counted once", scrape, fine, given, tuple(checks))


def _ratio(slo: SLO) -> int:
    return slo.steps.coarse.ms // slo.steps.fine.ms


def _complete(slo: SLO, errors: Vector, total: Vector) -> Vector:
    """No errors where there is a total and no error series yet, if the SLI says so."""
    zero = dict.fromkeys(total, Decimal(0)) if slo.signal.errors_may_be_absent else {}
    return {**zero, **errors}


def _check(slo: SLO, metric: str, vector: Vector, factor: Decimal, at: Duration) -> ValueCheck:
    gives = (
        (_shown(names.identity(slo), labels), _rounded(value * factor))
        for labels, value in sorted(vector.items(), key=str)
    )
    return ValueCheck(at, f"round({_MILLION} * {names.of(metric, slo)})", tuple(gives))


def _quantiles(slo: SLO, series: Iterable[Steady], at: Duration) -> ValueCheck:
    """Within the first bucket they are interpolated from 0; beyond the last one, its border."""
    borders = (each.labels["le"] for each in series if "le" in each.labels)
    border = next(Decimal(border) for border in borders if border != _INFINITE)
    labels = names.for_people(slo)
    window = slo.windows[0]
    gives = []
    for quantile in names.QUANTILES:
        value = border * min(Decimal(1), Decimal(quantile) / _WITHIN)
        own = frozenset({(names.QUANTILE, quantile), *_groups(slo)})
        gives.append((_shown(labels, own), _rounded(value)))
    metric = names.of(names.latency_quantile(window), slo)
    return ValueCheck(at, f"round({_MILLION} * {metric})", tuple(gives))


def _groups(slo: SLO) -> set[tuple[str, str]]:
    return {(name, _OTHER) for name in slo.signal.histogram.by} if slo.signal.histogram else set()


def _shown(labels: Mapping[str, str], more: Labels) -> str:
    return promql.label_set({**dict(more), **labels})


def _rounded(value: Decimal) -> Decimal:
    return (value * _MILLION).quantize(Decimal(1))


def _given(series: Steady, scrape: Duration, length: int, *, rises: bool) -> Series | Rising:
    name = names.series(series.metric, series.labels)
    if rises:
        return Rising(name, series.rate * scrape.seconds, length)
    return Series(name, [series.rate] * (length + 1))


def _counters(slo: SLO) -> Iterator[str]:
    """The metrics of which a query takes a rate."""
    for template in (slo.signal.total, slo.signal.errors):
        for node in promql.walk(promql.parse_template(template)):
            if isinstance(node, ast.Call) and node.func.name in ("rate", "increase"):
                for inner in promql.walk(node):
                    if isinstance(inner, ast.VectorSelector):
                        yield inner.name or ""


@dataclass(slots=True)
class _Metric:
    """What the queries ask of a metric: values worth having, by label."""

    values: dict[str, list[str]] = field(default_factory=dict)


def _series(slo: SLO) -> Iterator[Steady]:
    metrics = _metrics(slo)
    for place, (metric, wanted) in enumerate(metrics.items()):
        labels = [name for name in wanted.values if name != "le"]
        if len(list(product(*wanted.values.values()))) > _TOO_MANY:
            return
        for number, combined in enumerate(product(*(wanted.values[name] for name in labels)), 1):
            # What stands in the total is more than what is only among the errors.
            rate = Decimal(number) * (8 if place == 0 or _is_of_histogram(metric) else 1)
            own = dict(zip(labels, combined, strict=True))
            for border in wanted.values.get("le", [""]):
                within = border not in ("", _INFINITE)
                le = {"le": border} if border else {}
                yield Steady(metric, {**own, **le}, rate * _WITHIN if within else rate)


def _is_of_histogram(metric: str) -> bool:
    return metric.endswith(("_bucket", "_count"))


def _metrics(slo: SLO) -> dict[str, _Metric]:
    """The metrics of the total first, each with the values that its matchers tell apart."""
    found: dict[str, _Metric] = {}
    for template in (slo.signal.total, slo.signal.errors):
        for node in promql.walk(promql.parse_template(template)):
            if isinstance(node, ast.VectorSelector) and node.name:
                metric = found.setdefault(node.name, _Metric())
                for matcher in node.matchers.matchers:
                    _add(metric.values.setdefault(matcher.name, []), matcher)
    for metric in found.values():
        for name, values in metric.values.items():
            values.append(_INFINITE if name == "le" else _OTHER)
        for name in slo.signal.by:
            metric.values.setdefault(name, [_OTHER])
    return found


def _add(values: list[str], matcher: ast.Matcher) -> None:
    alternatives = [matcher.value] if "qual" in str(matcher.op) else matcher.value.split("|")
    if matcher.name == "le":
        alternatives = alternatives[:1]  # one border, however it is written
    for value in map(decoys.taken_by, alternatives):
        if value not in values:
            values.append(value)
