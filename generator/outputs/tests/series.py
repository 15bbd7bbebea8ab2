"""Input series from matchers and examples."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product

import promql_parser as ast

from generator import names
from generator.model import SLO
from generator.outputs.tests import decoys
from generator.outputs.tests.evaluator import Course, Evaluation, NotKnownError, Steady
from generator.outputs.tests.promtool_file import Series
from generator.rules.standalone import INTERVAL
from slos.schema import promql
from slos.schema.examples import ExampleSeries
from slos.schema.units import Duration

OTHER = "other"
INFINITE = "+Inf"
_TOO_MANY = 64
# Share of observations below the threshold, so that quantiles are on both sides of it. Series that
# the SLI must not select have another share.
_WITHIN, _WITHIN_OTHERS = Decimal("0.9875"), Decimal(1)
# Base of the rates: with few series, no sum of two rates equals another rate or sum of two.
_APART = Decimal(1000)
# Factors of a threshold at which it is tested: below it, above it, and exactly at it.
_AROUND = {"good or bad, a little less": "0.99", "good or bad, a little more": "1.01",
           "good or bad, just there": "1"}  # fmt: skip

_GROUP = "example"
_ANOTHER = "another"
_MUCH = Decimal(1_000_000)
_TIERS = (names.total, names.errors)


def counters(slo: SLO) -> Iterator[str]:
    """List the metrics of which a query takes a rate or an increase."""
    for template in (slo.signal.total, slo.signal.errors):
        for node in promql.walk(promql.parse_template(template)):
            if isinstance(node, ast.Call) and node.func.name in ("rate", "increase"):
                for inner in promql.walk(node):
                    if isinstance(inner, ast.VectorSelector):
                        yield inner.name or ""


@dataclass(slots=True)
class _Metric:
    """Values of each label of a metric that the matchers of the queries tell apart."""

    values: dict[str, list[str]] = field(default_factory=dict)


def build_series(slo: SLO) -> Iterator[Steady]:
    """Build all series; none if there would be too many."""
    metrics = _metrics(slo)
    for place, (metric, wanted) in enumerate(metrics.items()):
        labels = [name for name in wanted.values if name != "le"]
        if len(list(product(*wanted.values.values()))) > _TOO_MANY:
            return
        for number, combined in enumerate(product(*(wanted.values[name] for name in labels)), 1):
            # Series of the total have higher rates than series of the errors only.
            rate = (_APART + number**2) * (8 if place == 0 or _is_of_histogram(metric) else 1)
            own = dict(zip(labels, combined, strict=True))
            for border in wanted.values.get("le", [""]):
                within = border not in ("", INFINITE)
                le = {"le": border} if border else {}
                share = _WITHIN_OTHERS if OTHER in own.values() else _WITHIN
                yield Steady(metric, {**own, **le}, rate * share if within else rate)


def _is_of_histogram(metric: str) -> bool:
    return metric.endswith(("_bucket", "_count"))


def _metrics(slo: SLO) -> dict[str, _Metric]:
    """Collect the metrics, those of the total first, with the values that matchers tell apart."""
    found: dict[str, _Metric] = {}
    for template in (slo.signal.total, slo.signal.errors):
        for node in promql.walk(promql.parse_template(template)):
            if isinstance(node, ast.VectorSelector) and node.name:
                metric = found.setdefault(node.name, _Metric())
                for matcher in node.matchers.matchers:
                    _add(metric.values.setdefault(matcher.name, []), matcher)
    for metric in found.values():
        for name, values in metric.values.items():
            values.append(INFINITE if name == "le" else OTHER)
        for name in slo.signal.by:
            metric.values.setdefault(name, [OTHER])
    return found


def _add(values: list[str], matcher: ast.Matcher) -> None:
    alternatives = [matcher.value] if "qual" in str(matcher.op) else matcher.value.split("|")
    if matcher.name == "le":
        alternatives = alternatives[:1]  # the same bound in several notations
    for value in map(decoys.taken_by, alternatives):
        if value not in values:
            values.append(value)


def around_threshold(slo: SLO, made: Sequence[Steady]) -> Iterator[tuple[str, list[Steady]]]:
    """Scale the series to both sides of a threshold, if a comparison decides whether time is good.

    All series are scaled, or those of the first metric only if a ratio would not change otherwise.
    """
    tree = promql.parse_template(slo.signal.errors)
    if not (
        isinstance(tree, ast.BinaryExpr)
        and isinstance(tree.rhs, ast.NumberLiteral)
        and tree.modifier is not None
        and tree.modifier.return_bool
        and slo.signal.counting is None
    ):
        return
    limit = Decimal(str(tree.rhs.val))
    for name, share in _AROUND.items():
        target = limit * Decimal(share)
        found = _at(slo, tree.lhs, made, target)
        if found and (target != limit or not list(counters(slo))):
            yield name, found


def _at(
    slo: SLO, measured: ast.Expr, made: Sequence[Steady], target: Decimal
) -> list[Steady] | None:
    for metrics in ({each.metric for each in made}, {made[0].metric}):
        now = _value(slo, measured, made)
        if not now or not target:
            return None
        scaled = [
            replace(each, rate=each.rate * target / now) if each.metric in metrics else each
            for each in made
        ]
        if _value(slo, measured, scaled) == target:
            return scaled
    return None


def _value(slo: SLO, measured: ast.Expr, made: Sequence[Steady]) -> Decimal | None:
    try:
        found = Evaluation(made, slo.steps.fine, slo.steps.scrape).of(measured)
    except (NotKnownError, ArithmeticError):
        return None
    return next(iter(found.values()), None)


def incomplete(slo: SLO, made: Sequence[Steady]) -> Iterator[tuple[str, list[Steady]]]:
    """List incomplete sets: without errors, without the SLO's own series, without a bucket."""
    of_total = decoys.selectors_of(slo.signal.total)
    of_errors = decoys.selectors_of(slo.signal.errors)
    for name, rest in (
        ("no error series yet", [each for each in made if not _taken(each, of_errors)]),
        ("series of others only", [each for each in made if not _taken(each, of_total)]),
        ("no bucket at the threshold", [e for e in made if e.labels.get("le") in (None, INFINITE)]),
    ):
        if rest and len(rest) < len(made):
            yield name, rest


def _taken(each: Steady, selectors: Sequence[ast.VectorSelector]) -> bool:
    return any(decoys.takes(selector, each.metric, each.labels) for selector in selectors)


def build_tier_series(slo: SLO, run: Course) -> tuple[Series, ...]:
    """Build the series of both tiers, for a single group if the SLO has groups."""
    labels = {**names.identity(slo), **build_group_labels(slo)}
    errors = [share * run.events for share in run.shares]
    totals = [run.events] * len(errors)
    own = tuple(
        Series(names.series(name(step), labels), values)
        for step in (slo.steps.fine, slo.steps.coarse)
        for name, values in ((names.total, totals), (names.errors, errors))
    )
    return (*own, *of_another(slo, metrics(slo), len(errors)))


def metrics(slo: SLO) -> list[str]:
    """List the metric names of both tiers."""
    return [name(step) for step in (slo.steps.fine, slo.steps.coarse) for name in _TIERS]


def of_another(slo: SLO, metrics: Iterable[str], samples: int) -> Iterator[Series]:
    """Build the same metrics of another SLO with many errors, which no rule may read."""
    labels = {**names.identity(slo), **build_group_labels(slo), names.ID: _ANOTHER}
    for metric in metrics:
        yield Series(names.series(metric, labels), [_MUCH] * samples)


def build_group_labels(slo: SLO) -> Mapping[str, str]:
    """Build a value for each label that splits the SLO."""
    return dict.fromkeys(slo.signal.by, _GROUP)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a course, in which a query has one value.

    Attributes:
        state: `quiet` or `firing`, as in examples.
    """

    value: Decimal
    state: str
    length: Duration


def sampled(
    examples: Sequence[ExampleSeries], parts: Sequence[Part], scrape: Duration, *, differs: bool
) -> list[Series]:
    """Sample each example series.

    Args:
        examples: the series.
        parts: the parts of the course, in order.
        scrape: the interval of samples.
        starts_differently: True if series with values of their own start with other ones, each
            with its own, so that the value of the query differs in the first part.
    """
    given = [(part.value, part.state, part.length.ms // scrape.ms) for part in parts]
    found = []
    for number, each in enumerate(examples):
        values = each.values(given, scrape.seconds)
        if differs:
            before = _otherwise(each, number + 2).values(given[:1], scrape.seconds)
            values = [*before, *_continued(each, before, values[len(before) :], scrape)]
        found.append(Series(each.series, values, ends=each.while_ is not None))
    return found


def end_of(parts: Sequence[Part], step: Duration = INTERVAL) -> Duration:
    """Find the last evaluation of a part: the next part has its first sample one interval later."""
    return Duration(sum(part.length.ms for part in parts) - step.ms)


def whole(length: Duration | None, step: Duration = INTERVAL) -> Duration:
    """Round up to whole evaluation intervals."""
    return Duration(-(-length.ms // step.ms) * step.ms) if length else Duration(0)


def _otherwise(each: ExampleSeries, factor: int) -> ExampleSeries:
    """Return the same series, faster by a factor, or rising if it was constant."""
    if each.rises is not None:
        return each.model_copy(update={"rises": each.rises * factor or Decimal(factor)})
    return each


def _continued(
    each: ExampleSeries,
    before: Sequence[Decimal | None],
    after: Sequence[Decimal | None],
    scrape: Duration,
) -> list[Decimal | None]:
    """Continue a counter from its present value at its own rate."""
    if each.rises is None or not after:
        return list(after)
    ahead = (before[-1] or Decimal(0)) + each.rises * scrape.seconds - (after[0] or Decimal(0))
    return [None if value is None else value + ahead for value in after]
