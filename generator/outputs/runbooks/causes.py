"""Likely causes of an alert by verdict, stage, check or canary call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from typing import TypeVar

import promql_parser as ast

from generator.outputs.runbooks import catalogue
from generator.outputs.runbooks.alerts import AlertKind, AlertPage
from slos.schema import contract, promql
from slos.schema.contract import CanaryOutcome, Criterion, Stage, Verdict
from slos.schema.runbook import RunbookStep
from slos.schema.units import Duration, format_decimal

EnumValue = TypeVar("EnumValue", bound=StrEnum)
_HALF_AN_HOUR = Duration.from_parts(minutes=30)


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible cause of an alert.

    Attributes:
        names: of the verdicts, stages, checks or calls.
        meaning: its meaning for any service.
        hint: knowledge from the spec of the service.
    """

    names: tuple[str, ...]
    meaning: str
    hint: RunbookStep | None = None


@dataclass(frozen=True, slots=True)
class CauseBreakdown:
    """All causes that the data of an alert tells apart.

    Attributes:
        label: the label that tells them apart.
        query: a query that shows which of them occur.
        causes: in the order in which to look at them.
        other_values: values that this alert does not count.
    """

    label: str
    query: str
    causes: tuple[Cause, ...]
    other_values: tuple[str, ...] = ()


def break_down_alert(page: AlertPage) -> CauseBreakdown | None:
    """Break an alert down by the label values its query counts.

    Where the spec lists causes itself, only what it knows of these values is added.

    Returns None if the data does not tell causes apart.
    """
    if page.kind is AlertKind.NO_DATA or (page.standalone and page.meta.runbook.causes):
        return None
    found = _break_down_values(page)
    if not found or not page.meta.runbook.causes:
        return found
    known = tuple(each for each in found.causes if each.hint)
    return replace(found, causes=known) if known else None


def _break_down_values(page: AlertPage) -> CauseBreakdown | None:
    selectors = _QuerySelectors.from_page(page)
    window = choose_window(page)
    return (
        _break_down_verdicts(page, selectors, window)
        or _break_down_stages(page, selectors, window)
        or _break_down_checks(page, selectors, window)
        or _break_down_calls(selectors, window)
    )


def choose_window(page: AlertPage) -> Duration:
    """Choose the range of the query: that of the alert, since the trouble may be hours ago."""
    if page.conditions:
        return page.conditions[0].long
    if page.threshold:
        return page.threshold.over
    reach_ms = promql.compute_lookback_ms(page.standalone.query) if page.standalone else 0
    return max(Duration(reach_ms), _HALF_AN_HOUR)


@dataclass(frozen=True, slots=True)
class _QuerySelectors:
    """Series selectors of a query, and the values of a label that they match."""

    selectors: tuple[ast.VectorSelector, ...]
    inverse: bool

    @classmethod
    def from_page(cls, page: AlertPage) -> "_QuerySelectors":
        """Read the selectors of an alert.

        For an SLO these select bad events. For a standalone alert with a lower limit they select
        good ones, so the label values are inverted.
        """
        query = (
            page.slo.signal.errors
            if page.slo
            else page.standalone.query
            if page.standalone
            else "up"
        )
        nodes = promql.walk_nodes(promql.parse_template(query))
        selectors = tuple(node for node in nodes if isinstance(node, ast.VectorSelector))
        return cls(selectors, bool(page.standalone and page.standalone.below is not None))

    def reads_metric(self, metric: str) -> bool:
        """Check whether a metric, or the histogram of that name, is read."""
        return any((each.name or "").startswith(metric) for each in self.selectors)

    def list_values(
        self, metric: str, label: str, all_values: Iterable[EnumValue]
    ) -> list[EnumValue]:
        """List the values that selectors ask for; empty if no selector has the label."""
        matcher_lists = [
            [matcher for matcher in selector.matchers.matchers if matcher.name == label]
            for selector in self.selectors
            if (selector.name or "").startswith(metric)
        ]
        matcher_lists = [matchers for matchers in matcher_lists if matchers]
        if not matcher_lists:
            return []
        return [
            value
            for value in all_values
            if any(
                all(promql.matches_value(each, value) for each in matchers)
                for matchers in matcher_lists
            )
            is not self.inverse
        ]


def _break_down_verdicts(
    page: AlertPage, selectors: _QuerySelectors, window: Duration
) -> CauseBreakdown | None:
    verdicts_read = selectors.list_values(contract.PROBE_RUNS, "verdict", Verdict)
    shown = [each for each in catalogue.VERDICT_TEXTS if each in verdicts_read]
    if not shown:
        return None
    others = [each for each in catalogue.VERDICT_TEXTS if each not in shown]
    selector = _narrow_selector(
        selectors, contract.PROBE_RUNS, f"verdict=~{promql.quote_string('|'.join(shown))}"
    )
    query = f"sum by (probe, path, verdict) (increase({selector}[{window}])) > 0"
    causes = _list_causes(shown, catalogue.VERDICT_TEXTS, page.service_runbook.verdicts)
    return CauseBreakdown("verdict", query, causes, tuple(others))


def _narrow_selector(selectors: _QuerySelectors, metric: str, matcher: str) -> str:
    """Render a selector with the matcher of the alert's probe or kind of probes, if it has one."""
    probes = {
        f"probe{promql.format_operator(each)}{promql.quote_string(each.value)}"
        for selector in selectors.selectors
        if selector.name == metric
        for each in selector.matchers.matchers
        if each.name == "probe" and promql.format_operator(each) in ("=", "=~")
    }
    matchers = [*probes, matcher] if len(probes) == 1 else [matcher]
    return f"{metric}{{{','.join(matchers)}}}"


def _break_down_stages(
    page: AlertPage, selectors: _QuerySelectors, window: Duration
) -> CauseBreakdown | None:
    stages_read = selectors.list_values(contract.STAGE_DURATION, "stage", Stage)
    if not page.slo or len(stages_read) != 1:
        return None
    within = catalogue.INNER_STAGES[stages_read[0]]
    pattern = promql.quote_string("|".join(within))
    buckets = f"{contract.STAGE_DURATION}_bucket{{stage=~{pattern}}}"
    # The extent of a stage depends on the source that saw it.
    quantile = format_decimal(page.slo.objective / 100)
    query = (
        f"histogram_quantile({quantile}, sum by (stage, source, le) (rate({buckets}[{window}])))"
    )
    return CauseBreakdown(
        "stage", query, _list_causes(within, catalogue.STAGE_TEXTS, page.service_runbook.stages)
    )


def _break_down_checks(
    page: AlertPage, selectors: _QuerySelectors, window: Duration
) -> CauseBreakdown | None:
    if not any(map(selectors.reads_metric, (contract.CHECKS, contract.RESULTS))):
        return None
    criteria_read = selectors.list_values(contract.CHECKS, "criterion", Criterion) or list(
        Criterion
    )
    criterion_matcher = (
        ""
        if len(criteria_read) == len(Criterion)
        else f",criterion=~{_render_alternatives(criteria_read)}"
    )
    selector = f'{contract.CHECKS}{{result="fail"{criterion_matcher}}}'
    query = f"sort_desc(sum by (criterion) (increase({selector}[{window}])) > 0)"
    return CauseBreakdown(
        "criterion",
        query,
        _list_causes(criteria_read, catalogue.CRITERION_TEXTS, page.service_runbook.criteria),
    )


def _break_down_calls(selectors: _QuerySelectors, window: Duration) -> CauseBreakdown | None:
    if not selectors.reads_metric(contract.CANARY_REQUESTS):
        return None
    query = f"sum by (outcome) (increase({contract.CANARY_REQUESTS}[{window}]))"
    return CauseBreakdown(
        "outcome", query, _list_causes(CanaryOutcome, catalogue.OUTCOME_TEXTS, {})
    )


def _render_alternatives(values: Sequence[str]) -> str:
    """Render values as the pattern of a matcher, with dots escaped."""
    return promql.quote_string("|".join(value.replace(".", "[.]") for value in values))


def _list_causes(
    values: Iterable[EnumValue],
    meanings: Mapping[EnumValue, str],
    hints: Mapping[EnumValue, RunbookStep],
) -> tuple[Cause, ...]:
    """List the values with their texts; neighbours with the same texts are one entry."""
    return tuple(
        Cause(tuple(each.value for each in same), meanings[same[0]], hints.get(same[0]))
        for same in (
            list(group)
            for _, group in groupby(values, key=lambda each: (meanings[each], hints.get(each)))
        )
    )
