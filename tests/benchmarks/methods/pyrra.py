"""Pyrra's rules at its defaults, and in its mode `performanceOverAccuracy`."""

from generator.model import AlertingRule, RecordingRule, Rule, RuleGroup
from slos.schema.units import Duration
from tests.benchmarks.counters import ERRORS, TOTAL
from tests.benchmarks.methods import Method, Target

DEFAULT, PERFORMANCE = "Pyrra, default", "Pyrra, performance"
_PAGE = "ErrorBudgetBurn"
_OFTEN = Duration.of(seconds=30)
# What Pyrra gives periods of four to five weeks.
_SELDOM = Duration.of(seconds=150)
_BURN_RATES = ("5m", "32m", "1h4m", "2h9m", "6h26m", "1d1h43m", "4d6h51m")
# Factor, short and long window, `for`.
_ALERTS = (
    ("14", "5m", "1h4m", "2m"),
    ("7", "32m", "6h26m", "16m"),
    ("2", "2h9m", "1d1h43m", "1h4m"),
    ("1", "6h26m", "4d6h51m", "3h13m"),
)


def default(target: Target) -> Method:
    """The period is an increase over raw series."""
    slo = f"{target.job}-default"
    increases = tuple(
        _increase(target, slo, metric, "30d", f"sum(increase({_raw(target, metric)}[30d]))")
        for metric in (TOTAL, ERRORS)
    )
    groups = (
        RuleGroup(f"{slo}-increase", _SELDOM, (*increases, *_absent(target))),
        RuleGroup(slo, _OFTEN, _burning(target, slo)),
    )
    return _method(DEFAULT, groups, target, slo)


def performance(target: Target) -> Method:
    """The period is a sum of 5-minute increases."""
    slo = f"{target.job}-performance"
    short = tuple(
        _increase(target, slo, metric, "5m", f"sum(increase({_raw(target, metric)}[5m]))")
        for metric in (TOTAL, ERRORS)
    )
    long = tuple(
        _increase(
            target, slo, metric, "30d", f"sum(sum_over_time({_five(target, metric)}[30d:5m]))"
        )
        for metric in (TOTAL, ERRORS)
    )
    groups = (
        RuleGroup(f"{slo}-increase", _OFTEN, (*short, *_absent(target))),
        RuleGroup(slo, _OFTEN, _burning(target, slo)),
        RuleGroup(f"{slo}-long", _SELDOM, long),
    )
    return _method(PERFORMANCE, groups, target, slo)


def _method(name: str, groups: tuple[RuleGroup, ...], target: Target, slo: str) -> Method:
    records = [_name(metric, "30d") for metric in (ERRORS, TOTAL)]
    errors, total = (f'{name}{{job="{target.job}",slo="{slo}"}}' for name in records)
    ratio = f"sum({errors} or vector(0)) / sum({total})"
    return Method(name, groups, frozenset(records), ratio, _PAGE)


def _raw(target: Target, metric: str) -> str:
    return f'{metric}{{job="{target.job}"}}'


def _name(metric: str, window: str) -> str:
    return f"{metric.removesuffix('_total')}:increase{window}"


def _five(target: Target, metric: str) -> str:
    return f'{_name(metric, "5m")}{{job="{target.job}"}}'


def _increase(target: Target, slo: str, metric: str, window: str, expr: str) -> RecordingRule:
    return RecordingRule(_name(metric, window), expr, {"job": target.job, "slo": slo})


def _absent(target: Target) -> tuple[Rule, ...]:
    return tuple(
        AlertingRule("SLOMetricAbsent", f"absent({_raw(target, metric)}) == 1", {}, {})
        for metric in (TOTAL, ERRORS)
    )


def _burning(target: Target, slo: str) -> tuple[Rule, ...]:
    record = f"{TOTAL.removesuffix('_total')}:burnrate"
    labels = {"job": target.job, "slo": slo}
    own = f'{{job="{target.job}",slo="{slo}"}}'
    rates = [
        RecordingRule(
            record + window,
            f"{target.rate(ERRORS, window)} / {target.rate(TOTAL, window)}",
            labels,
        )
        for window in _BURN_RATES
    ]
    alerts = [
        AlertingRule(
            _PAGE,
            f"{record}{short}{own} > ({factor} * (1-0.999)) "
            f"and {record}{long}{own} > ({factor} * (1-0.999))",
            {**labels, "short": short, "long": long},
            {},
            for_=Duration.parse(for_),
        )
        for factor, short, long, for_ in _ALERTS
    ]
    return (*rates, *alerts)
