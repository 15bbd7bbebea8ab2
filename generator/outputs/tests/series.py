"""Input series of unit tests, made from matchers and examples."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from itertools import groupby, product

import promql_parser as ast

from generator import names
from generator.model import SLO
from generator.outputs.tests.error_timeline import ErrorTimeline
from generator.outputs.tests.evaluator import Evaluator, SteadySeries
from generator.outputs.tests.numbers import Number, UnsupportedQueryError
from generator.outputs.tests.promtool_file import InputSeries
from generator.outputs.tests.selectors import find_matching_text, list_selectors, selects_series
from generator.rules.standalone import INTERVAL
from slos.schema import promql
from slos.schema.additive_terms import has_additive_terms
from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.examples import ExampleSeries
from slos.schema.units import Duration

OTHER_VALUE = "other"
INFINITE_BUCKET = "+Inf"
_TOO_MANY = 64
# Share of observations below the threshold, so that quantiles are on both sides of it. Series that
# the SLI must not select have another share.
_WITHIN, _WITHIN_OTHERS = Decimal("0.9875"), Decimal(1)
# Base of the rates: with few series, no sum of two rates equals another rate or sum of two.
_RATE_BASE = Decimal(1000)
# Factors of a threshold at which it is tested: below it, above it, and exactly at it.
_THRESHOLD_FACTORS = {"good or bad, a little less": "0.99", "good or bad, a little more": "1.01",
           "good or bad, just there": "1"}  # fmt: skip

_GROUP_VALUE = "example"
_FOREIGN_ID = "another"
_FOREIGN_COUNT = Decimal(1_000_000)
# Digits of a factor, and how near a scaled query comes to its target.
_SHORT, _NEAR = Context(prec=9), Decimal("1e-6")
_BOUND = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
_TIERS = (names.name_total, names.name_errors)


def _list_counters(slo: SLO) -> Iterator[str]:
    """List the metrics of which a query takes a rate or an increase."""
    for template in (slo.signal.total, slo.signal.errors):
        for node in promql.walk_nodes(promql.parse_template(template)):
            if isinstance(node, ast.Call) and node.func.name in ("rate", "increase"):
                for inner in promql.walk_nodes(node):
                    if isinstance(inner, ast.VectorSelector):
                        yield read_metric_name(inner)


@dataclass(slots=True)
class _MetricValues:
    """Values of each label of a metric that the matchers of the queries tell apart."""

    values: dict[str, list[str]] = field(default_factory=dict)


def build_series(slo: SLO) -> Iterator[SteadySeries]:
    """Build all series; none if there would be too many."""
    metrics, counters = _collect_metrics(slo), set(_list_counters(slo))
    for metric_number, (metric, metric_values) in enumerate(metrics.items()):
        labels = [name for name in metric_values.values if name != "le"]
        if len(list(product(*metric_values.values.values()))) > _TOO_MANY:
            return
        for number, combination in enumerate(
            product(*(metric_values.values[name] for name in labels)), 1
        ):
            # Series of the total have higher rates than series of the errors only.
            rate = (_RATE_BASE + number**2) * (
                8 if metric_number == 0 or _is_histogram_series(metric) else 1
            )
            label_values = dict(zip(labels, combination, strict=True))
            for border in metric_values.values.get("le", [""]):
                is_within = border not in ("", INFINITE_BUCKET)
                le = {"le": border} if border else {}
                share = _WITHIN_OTHERS if OTHER_VALUE in label_values.values() else _WITHIN
                yield SteadySeries(
                    metric,
                    {name: value for name, value in {**label_values, **le}.items() if value},
                    rate * share if is_within else rate,
                    is_counter=metric in counters,
                )


def _is_histogram_series(metric: str) -> bool:
    return metric.endswith(("_bucket", "_count"))


def _collect_metrics(slo: SLO) -> dict[str, _MetricValues]:
    """Collect the metrics, those of the total first, with the values that matchers tell apart."""
    metrics: dict[str, _MetricValues] = {}
    for template in (slo.signal.total, slo.signal.errors):
        for node in promql.walk_nodes(promql.parse_template(template)):
            if isinstance(node, ast.VectorSelector) and (name := read_metric_name(node)):
                metric = metrics.setdefault(name, _MetricValues())
                for matcher in list_label_matchers(node):
                    _add_values(metric.values.setdefault(matcher.name, []), matcher)
    for metric in metrics.values():
        for name, values in metric.values.items():
            values.append(INFINITE_BUCKET if name == "le" else OTHER_VALUE)
        for name in slo.signal.group_by:
            metric.values.setdefault(name, [OTHER_VALUE])
    return metrics


def _add_values(values: list[str], matcher: ast.Matcher) -> None:
    alternatives = [matcher.value] if "qual" in str(matcher.op) else matcher.value.split("|")
    if matcher.name == "le":
        # The same bound in several notations; what is no number is no bound.
        is_bound = _BOUND.fullmatch(find_matching_text(alternatives[0]))
        alternatives = alternatives[:1] if is_bound else []
    for value in map(find_matching_text, alternatives):
        if value not in values:
            values.append(value)


def scale_around_threshold(
    slo: SLO, series: Sequence[SteadySeries]
) -> Iterator[tuple[str, list[SteadySeries]]]:
    """Scale the series to both sides of a threshold, if a comparison decides whether time is good.

    All series are scaled, or those of the first metric only if a ratio would not change otherwise.
    Exactly at the threshold, rounding must not decide.
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
    for name, share in _THRESHOLD_FACTORS.items():
        target = limit * Decimal(share)
        scaled = _scale_to_target(slo, tree.lhs, series, target, is_exact=target == limit)
        if scaled:
            yield name, scaled


def _scale_to_target(
    slo: SLO, measured: ast.Expr, series: Sequence[SteadySeries], target: Decimal, *, is_exact: bool
) -> list[SteadySeries] | None:
    ones = [replace(each, rate=Decimal(1)) for each in series]
    for unscaled in (series, ones) if series and target else ():
        now = _evaluate_single(slo, measured, unscaled)
        factor = _SHORT.divide(target, now.value) if now and now.value else Decimal(0)
        for metrics in ({each.metric for each in series}, {series[0].metric}):
            scaled = [
                replace(each, rate=each.rate * factor) if each.metric in metrics else each
                for each in unscaled
            ]
            found = _evaluate_single(slo, measured, scaled)
            if found and _is_at(found, target, is_exact=is_exact) and _are_possible(scaled):
                return scaled
    return None


def _is_at(number: Number, target: Decimal, *, is_exact: bool) -> bool:
    if is_exact:
        return number == Number.from_text(str(target))
    return abs(number.value - target) + number.error < _NEAR * abs(target)


def _are_possible(series: Sequence[SteadySeries]) -> bool:
    """Check that no counter falls, and that samples are not rounded to zero."""
    return all(each.rate > 0 if each.is_counter else each.rate for each in series)


def _evaluate_single(slo: SLO, measured: ast.Expr, series: Sequence[SteadySeries]) -> Number | None:
    try:
        vector = Evaluator(series, slo.steps.fine, slo.steps.scrape).evaluate(measured)
    except (UnsupportedQueryError, ArithmeticError):
        return None
    return next(iter(vector.values()), None)


def list_incomplete_series(
    slo: SLO, series: Sequence[SteadySeries]
) -> Iterator[tuple[str, list[SteadySeries]]]:
    """List incomplete sets: without errors, without the SLO's own series, without a bucket."""
    total_selectors = list_selectors(slo.signal.total)
    error_selectors = list_selectors(slo.signal.errors)
    for name, remaining in (
        (
            "no error series yet",
            [each for each in series if not _is_selected(each, error_selectors)],
        ),
        (
            "series of others only",
            [each for each in series if not _is_selected(each, total_selectors)],
        ),
        (
            "no bucket at the threshold",
            [e for e in series if e.labels.get("le") in (None, INFINITE_BUCKET)],
        ),
        *_list_absent_terms(slo, series),
    ):
        if remaining and len(remaining) < len(series):
            yield name, remaining


def _list_absent_terms(
    slo: SLO, series: Sequence[SteadySeries]
) -> Iterator[tuple[str, list[SteadySeries]]]:
    """List the sets without the series of one term of a sum or a difference."""
    if slo.signal.histogram:
        return  # both terms are of one histogram
    selectors = {
        str(each): each
        for template in (slo.signal.errors, slo.signal.total)
        if has_additive_terms(template)
        for each in list_selectors(template)
    }
    for text, selector in selectors.items() if len(selectors) > 1 else ():
        yield f"no series of {text}", [e for e in series if not _is_selected(e, [selector])]


def _is_selected(series: SteadySeries, selectors: Sequence[ast.VectorSelector]) -> bool:
    return any(selects_series(selector, series.metric, series.labels) for selector in selectors)


def build_tier_series(slo: SLO, timeline: ErrorTimeline) -> tuple[InputSeries, ...]:
    """Build the series of both tiers, for a single group if the SLO has groups."""
    labels = {**names.build_identity_labels(slo), **build_group_labels(slo)}
    # The first step ends at time 0, so it has one sample.
    errors = [timeline.shares[0] * timeline.events / timeline.samples]
    for share, steps in groupby(timeline.shares[1:]):
        value = share * timeline.events / timeline.samples
        errors += [value] * (len(list(steps)) * timeline.samples)
    totals = [timeline.events / timeline.samples] * len(errors)
    # The rules fill up fine steps without a sample with good events.
    filled_up = (
        Decimal(timeline.sample_interval.ms) / slo.steps.fine.ms if timeline.filled.ms else 1
    )
    tier_series = tuple(
        InputSeries(names.format_series(name, labels), values)
        for name, values in (
            (names.name_total(slo.steps.fine), totals),
            (names.name_errors(slo.steps.fine), [each * filled_up for each in errors]),
            (names.name_total(slo.steps.coarse), totals),
            (names.name_errors(slo.steps.coarse), errors),
        )
    )
    return (*tier_series, *build_foreign_series(slo, list_tier_metrics(slo), len(errors)))


def list_tier_metrics(slo: SLO) -> list[str]:
    """List the metric names of both tiers."""
    return [name(step) for step in (slo.steps.fine, slo.steps.coarse) for name in _TIERS]


def build_foreign_series(slo: SLO, metrics: Iterable[str], samples: int) -> Iterator[InputSeries]:
    """Build the same metrics of another SLO with many errors, which no rule may read."""
    labels = {**names.build_identity_labels(slo), **build_group_labels(slo), names.ID: _FOREIGN_ID}
    for metric in metrics:
        yield InputSeries(names.format_series(metric, labels), [_FOREIGN_COUNT] * samples)


def build_group_labels(slo: SLO) -> Mapping[str, str]:
    """Build a value for each label that splits the SLO."""
    return dict.fromkeys(slo.signal.group_by, _GROUP_VALUE)


@dataclass(frozen=True, slots=True)
class ExamplePart:
    """A part of example series, in which a query has one value.

    Attributes:
        state: `quiet` or `firing`, as in examples.
    """

    value: Decimal
    state: str
    length: Duration


def sample_series(
    examples: Sequence[ExampleSeries],
    parts: Sequence[ExamplePart],
    scrape: Duration,
    *,
    starts_differently: bool,
) -> list[InputSeries]:
    """Sample each example series.

    Args:
        examples: the series.
        parts: the parts of the series, in order.
        scrape: the interval of samples.
        starts_differently: True if series with values of their own start with other ones, each
            with its own, so that the value of the query differs in the first part.
    """
    example_parts = [(part.value, part.state, part.length.ms // scrape.ms) for part in parts]
    sampled_series = []
    for number, each in enumerate(examples):
        values = each.compute_samples(example_parts, scrape.seconds)
        if starts_differently:
            before = _speed_up(each, number + 2).compute_samples(example_parts[:1], scrape.seconds)
            values = [*before, *_continue_counter(each, before, values[len(before) :], scrape)]
        sampled_series.append(InputSeries(each.series, values, ends=each.while_ is not None))
    return sampled_series


def find_end(parts: Sequence[ExamplePart], step: Duration = INTERVAL) -> Duration:
    """Find the last evaluation of a part: the next part has its first sample one interval later."""
    return Duration(sum(part.length.ms for part in parts) - step.ms)


def round_up_length(length: Duration | None, step: Duration = INTERVAL) -> Duration:
    """Round up to whole evaluation intervals."""
    return Duration(-(-length.ms // step.ms) * step.ms) if length else Duration(0)


def _speed_up(example: ExampleSeries, factor: int) -> ExampleSeries:
    """Return the same series, faster by a factor, or rising if it was constant."""
    if example.rises is not None:
        return example.model_copy(update={"rises": example.rises * factor or Decimal(factor)})
    return example


def _continue_counter(
    example: ExampleSeries,
    before: Sequence[Decimal | None],
    after: Sequence[Decimal | None],
    scrape: Duration,
) -> list[Decimal | None]:
    """Continue a counter from its present value at its own rate."""
    if example.rises is None or not after:
        return list(after)
    offset = (before[-1] or Decimal(0)) + example.rises * scrape.seconds - (after[0] or Decimal(0))
    return [None if value is None else value + offset for value in after]
