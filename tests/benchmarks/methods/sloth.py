"""Sloth v0.16's rules at its defaults, and with the period read from raw series."""

from generator.model import AlertingRule, RecordingRule, Rule, RuleGroup
from slos.schema import promql
from slos.schema.units import Duration
from tests.benchmarks.methods import BenchmarkTarget, Method

DEFAULT, RAW = "Sloth, default", "Sloth, raw period"
_PAGE = "Burning"
# Sloth's groups have no interval; the evaluation interval is that of the benchmark.
_INTERVAL = Duration.from_parts(seconds=30)
_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_PERIOD = "slo:sli_error:ratio_rate30d"
_BUDGET = "0.0009999999999999432"
# Factor, short and long window of the quick and of the slow condition.
_CONDITIONS = {
    "page": (("14.4", "5m", "1h"), ("6", "30m", "6h")),
    "ticket": (("3", "2h", "1d"), ("1", "6h", "3d")),
}
_IDS = ("sloth_id", "sloth_service", "sloth_slo")


def build_default(target: BenchmarkTarget) -> Method:
    """The period is the mean of the 5-minute ratios."""
    selector = promql.format_label_set(_build_ids("sloth", target))
    short_ratio = f"slo:sli_error:ratio_rate5m{selector}[30d]"
    period = (
        f"sum_over_time({short_ratio})\n/ ignoring (sloth_window)\ncount_over_time({short_ratio})\n"
    )
    return _build_method(DEFAULT, "sloth", target, period)


def build_raw(target: BenchmarkTarget) -> Method:
    """The period is a rate over raw series, as with Sloth's former --disable-optimized-rules."""
    return _build_method(RAW, "raw", target, target.build_ratio("30d"))


def _build_ids(service: str, target: BenchmarkTarget) -> dict[str, str]:
    values = (f"{service}-{target.job}", service, target.job)
    return dict(zip(_IDS, values, strict=True))


def _build_method(name: str, service: str, target: BenchmarkTarget, period: str) -> Method:
    ids = _build_ids(service, target)
    selector = promql.format_label_set(ids)
    kinds: dict[str, tuple[Rule, ...]] = {
        "sli-recordings": _build_sli_rules(target, ids, period),
        "meta-recordings": _build_meta_rules(ids, selector),
        "alerts": tuple(_build_alert(severity, selector) for severity in _CONDITIONS),
    }
    groups = tuple(
        RuleGroup(f"sloth-slo-{kind}-{ids['sloth_id']}", _INTERVAL, rules)
        for kind, rules in kinds.items()
    )
    return Method(name, groups, frozenset({_PERIOD}), _PERIOD + selector, _PAGE)


def _build_sli_rules(target: BenchmarkTarget, ids: dict[str, str], period: str) -> tuple[Rule, ...]:
    exprs = {window: target.build_ratio(window) for window in _WINDOWS} | {"30d": period}
    return tuple(
        RecordingRule(f"slo:sli_error:ratio_rate{window}", expr, {**ids, "sloth_window": window})
        for window, expr in exprs.items()
    )


def _build_meta_rules(ids: dict[str, str], selector: str) -> tuple[Rule, ...]:
    def build_burn_rate(window: str) -> str:
        return (
            f"slo:sli_error:ratio_rate{window}{selector}\n"
            "/ on(sloth_id, sloth_slo, sloth_service) group_left\n"
            f"slo:error_budget:ratio{selector}\n"
        )

    exprs = {
        "slo:objective:ratio": "vector(0.9990000000000001)",
        "slo:error_budget:ratio": f"vector(1-{0.9990000000000001})",
        "slo:time_period:days": "vector(30)",
        "slo:current_burn_rate:ratio": build_burn_rate("5m"),
        "slo:period_burn_rate:ratio": build_burn_rate("30d"),
        "slo:period_error_budget_remaining:ratio": f"1 - slo:period_burn_rate:ratio{selector}",
        "sloth_slo_info": "vector(1)",
    }
    return tuple(RecordingRule(record, expr, ids) for record, expr in exprs.items())


def _build_alert(severity: str, selector: str) -> AlertingRule:
    def build_condition(window: str, factor: str) -> str:
        series = f"slo:sli_error:ratio_rate{window}{selector}"
        return f"max({series} > ({factor} * {_BUDGET})) without (sloth_window)"

    expr = "\nor\n".join(
        f"(\n    {build_condition(short, factor)}\n    and\n    {build_condition(long, factor)}\n)"
        for factor, short, long in _CONDITIONS[severity]
    )
    name = _PAGE if severity == "page" else f"{_PAGE}Ticket"
    return AlertingRule(name, expr, {"sloth_severity": severity}, {})
