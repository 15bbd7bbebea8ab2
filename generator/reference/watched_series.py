"""Series that the SLO, alert or recording of a claim reads, directly or through recorded series."""

from generator.requirements import Claim, Coverage, Watcher
from generator.rules.recorded_series import RecordedSeries
from slos.schema import promql
from slos.schema.sli.plugin import PluginSli
from slos.schema.sli_signal import EventQueries
from slos.schema.spec import SloSpec

SLO_PREFIX = "slo:"
"""Beginning of the names of the series that SLOs record."""


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
            if not promql.read_selector_metric(selector).startswith(SLO_PREFIX):
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
