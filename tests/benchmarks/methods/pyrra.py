"""Pyrra's rules at its defaults, and in its mode `performanceOverAccuracy`."""

from generator.model import AlertingRule, RecordingRule, Rule, RuleGroup
from slos.schema.units import Duration
from tests.benchmarks.counters import ERRORS, TOTAL
from tests.benchmarks.methods import BenchmarkTarget, Method

DEFAULT, PERFORMANCE = "Pyrra, default", "Pyrra, performance"
_PAGE = "ErrorBudgetBurn"
_SHORT_INTERVAL = Duration.from_parts(seconds=30)
# What Pyrra gives periods of four to five weeks.
_LONG_INTERVAL = Duration.from_parts(seconds=150)
_BURN_RATES = ("5m", "32m", "1h4m", "2h9m", "6h26m", "1d1h43m", "4d6h51m")
# Factor, short and long window, `for`.
_ALERTS = (
    ("14", "5m", "1h4m", "2m"),
    ("7", "32m", "6h26m", "16m"),
    ("2", "2h9m", "1d1h43m", "1h4m"),
    ("1", "6h26m", "4d6h51m", "3h13m"),
)


def build_default(target: BenchmarkTarget) -> Method:
    """The period is an increase over raw series."""
    slo = f"{target.job}-default"
    increases = tuple(
        _build_increase_rule(
            target, slo, metric, "30d", f"sum(increase({_build_raw_selector(target, metric)}[30d]))"
        )
        for metric in (TOTAL, ERRORS)
    )
    groups = (
        RuleGroup(f"{slo}-increase", _LONG_INTERVAL, (*increases, *_build_absent_rules(target))),
        RuleGroup(slo, _SHORT_INTERVAL, _build_burn_rules(target, slo)),
    )
    return _build_method(DEFAULT, groups, target, slo)


def build_performance(target: BenchmarkTarget) -> Method:
    """The period is a sum of 5-minute increases."""
    slo = f"{target.job}-performance"
    short = tuple(
        _build_increase_rule(
            target, slo, metric, "5m", f"sum(increase({_build_raw_selector(target, metric)}[5m]))"
        )
        for metric in (TOTAL, ERRORS)
    )
    long = tuple(
        _build_increase_rule(
            target,
            slo,
            metric,
            "30d",
            f"sum(sum_over_time({_build_short_selector(target, metric)}[30d:5m]))",
        )
        for metric in (TOTAL, ERRORS)
    )
    groups = (
        RuleGroup(f"{slo}-increase", _SHORT_INTERVAL, (*short, *_build_absent_rules(target))),
        RuleGroup(slo, _SHORT_INTERVAL, _build_burn_rules(target, slo)),
        RuleGroup(f"{slo}-long", _LONG_INTERVAL, long),
    )
    return _build_method(PERFORMANCE, groups, target, slo)


def _build_method(
    name: str, groups: tuple[RuleGroup, ...], target: BenchmarkTarget, slo: str
) -> Method:
    records = [_build_record_name(metric, "30d") for metric in (ERRORS, TOTAL)]
    errors, total = (f'{name}{{job="{target.job}",slo="{slo}"}}' for name in records)
    ratio = f"sum({errors} or vector(0)) / sum({total})"
    return Method(name, groups, frozenset(records), ratio, _PAGE)


def _build_raw_selector(target: BenchmarkTarget, metric: str) -> str:
    return f'{metric}{{job="{target.job}"}}'


def _build_record_name(metric: str, window: str) -> str:
    return f"{metric.removesuffix('_total')}:increase{window}"


def _build_short_selector(target: BenchmarkTarget, metric: str) -> str:
    return f'{_build_record_name(metric, "5m")}{{job="{target.job}"}}'


def _build_increase_rule(
    target: BenchmarkTarget, slo: str, metric: str, window: str, expr: str
) -> RecordingRule:
    return RecordingRule(_build_record_name(metric, window), expr, {"job": target.job, "slo": slo})


def _build_absent_rules(target: BenchmarkTarget) -> tuple[Rule, ...]:
    return tuple(
        AlertingRule(
            "SLOMetricAbsent", f"absent({_build_raw_selector(target, metric)}) == 1", {}, {}
        )
        for metric in (TOTAL, ERRORS)
    )


def _build_burn_rules(target: BenchmarkTarget, slo: str) -> tuple[Rule, ...]:
    record = f"{TOTAL.removesuffix('_total')}:burnrate"
    labels = {"job": target.job, "slo": slo}
    selector = f'{{job="{target.job}",slo="{slo}"}}'
    rates = [
        RecordingRule(
            record + window,
            f"{target.build_errors(window)} / {target.build_total(window)}",
            labels,
        )
        for window in _BURN_RATES
    ]
    alerts = [
        AlertingRule(
            _PAGE,
            f"{record}{short}{selector} > ({factor} * (1-0.999)) "
            f"and {record}{long}{selector} > ({factor} * (1-0.999))",
            {**labels, "short": short, "long": long},
            {},
            for_=Duration.parse(for_),
        )
        for factor, short, long, for_ in _ALERTS
    ]
    return (*rates, *alerts)
