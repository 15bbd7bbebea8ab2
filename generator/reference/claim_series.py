"""Series that claims to cover a requirement read, and the claims whose series a cluster has."""

from collections.abc import Iterable
from dataclasses import replace

import promql_parser as ast

from generator.missing_series import can_have_label, can_have_result
from generator.requirements import Claim, Coverage, Watcher
from generator.rules.recorded_series import RecordedSeries
from slos.schema import promql
from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.contract import Criterion
from slos.schema.inventory import Inventory
from slos.schema.promql import matches_value, parse_template
from slos.schema.sli.plugin import PluginSli
from slos.schema.sli_signal import EventQueries
from slos.schema.spec import SloSpec
from slos.schema.standalone import StandaloneRecording

_SLO_PREFIX = "slo:"
"""Beginning of the names of the series that SLOs record."""
_CRITERION = "criterion"
_CRITERIA = frozenset(Criterion)


def list_watcher_queries(watcher: Watcher) -> list[str]:
    """List the queries of an SLO, alert or recording."""
    if not isinstance(watcher, SloSpec):
        return [watcher.query]
    sli = watcher.sli.get_type()
    if isinstance(sli, PluginSli):
        return []
    queries = sli.build_queries()
    if isinstance(queries, EventQueries):
        return [queries.total, queries.errors]
    return [queries.ratio]


def list_claim_data(coverage: Coverage, claim: Claim) -> list[str]:
    """List the selectors of the raw series of a claim."""
    selectors: dict[str, None] = {}
    recorded = RecordedSeries(coverage.recordings)
    for query in list_watcher_queries(claim.watcher):
        for selector in recorded.list_raw_selectors(query):
            if not promql.read_selector_metric(selector).startswith(_SLO_PREFIX):
                selectors[selector] = None
                continue
            for slo in _list_slos(coverage, claim):
                for each in list_watcher_queries(slo):
                    selectors |= dict.fromkeys(recorded.list_raw_selectors(each))
    return list(selectors)


def _list_slos(coverage: Coverage, claim: Claim) -> list[SloSpec]:
    """List the SLOs that cover the same requirement, or else all that cover any."""
    same = coverage.list_claims(claim.requirement)
    for claims in (same, coverage.claims):
        if found := [each.watcher for each in claims if isinstance(each.watcher, SloSpec)]:
            return found
    return []


def keep_served_claims(kept: Coverage, whole: Coverage, inventory: Inventory) -> Coverage:
    """Leave out the claims whose requirement has no series in a cluster.

    An alert about several requirements is kept if one of them has series, and covers those only
    that have. A query of the series that SLOs and recordings record covers a requirement by those
    of them that cover it as well. If a query has the requirement as a criterion, its other criteria
    do not count.

    Args:
        kept: coverage of the parts that the prober of the cluster serves.
        whole: coverage of all parts.
        inventory: metrics and label values that the prober exports.
    """
    claims = (claim for claim in kept.claims if _is_claim_served(claim, kept, whole, inventory))
    return replace(kept, claims=tuple(claims))


def _is_claim_served(claim: Claim, kept: Coverage, whole: Coverage, inventory: Inventory) -> bool:
    criterion = claim.requirement
    remaining = [*(each.watcher for each in kept.list_claims(criterion)), *kept.recordings]
    covering = [each.watcher for each in whole.list_claims(criterion)]

    def has_series(selector: ast.VectorSelector) -> bool:
        metric = read_metric_name(selector)
        recorded = _find_recorded(covering, metric) or _find_recorded(whole.recordings, metric)
        if recorded:
            return any(each in remaining for each in recorded)
        return inventory.has_series(selector)

    def has_series_of_criterion(selector: ast.VectorSelector) -> bool:
        matchers = [each for each in list_label_matchers(selector) if each.name == _CRITERION]
        if not matchers:
            return has_series(selector)
        is_exported = criterion not in _CRITERIA or criterion in inventory.labels[_CRITERION]
        return (
            is_exported
            and all(matches_value(each, criterion) for each in matchers)
            and has_series(selector)
        )

    return all(
        can_have_result(query, has_series_of_criterion, labels={_CRITERION: criterion})
        if can_have_label(parse_template(query), _CRITERION, criterion)
        else can_have_result(query, has_series)
        for query in list_watcher_queries(claim.watcher)
    )


def _find_recorded(watchers: Iterable[Watcher], metric: str) -> list[Watcher]:
    """Find the SLOs and recordings that record the series of a name."""
    return [
        each
        for each in watchers
        if (isinstance(each, StandaloneRecording) and each.record == metric)
        or (isinstance(each, SloSpec) and metric.startswith(_SLO_PREFIX))
    ]
