"""Plugin of denominator-corrected rules: error ratios weighed by the traffic of the window."""

from dataclasses import replace
from typing import ClassVar

from pydantic import Field, StrictBool

from generator.model import RecordingRule
from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import PluginError, SloPlugin
from generator.profiles.sloth.rules import filled, mean_ratio, ratio, recorded
from slos.schema.promql import render
from slos.schema.sli_signal import EventQueries
from slos.schema.units import Duration


class DenominatorCorrectedRules(SloPlugin):
    """Plugin that replaces the SLI rules and adds the corrections they use to the metadata."""

    ID: ClassVar = "sloth.dev/contrib/denominator_corrected_rules/v1"

    disable_optimized: StrictBool = Field(alias="disableOptimized", default=False)

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        queries = slo.queries
        if not isinstance(queries, EventQueries):
            raise PluginError("it needs an 'events' SLI; use error_query and total_query")
        labels = {**slo.identity, **slo.labels}
        total_of_period = filled(queries.total, slo.period)
        sli, corrections = [], []
        for window in slo.lengths:
            sli.append(recorded(slo, window, _corrected(slo, queries, window)))
            share = f"{filled(queries.total, window)}/{total_of_period}"
            corrections.append(RecordingRule(_correction(window), share, labels))
        plain = ratio(slo, slo.period)
        period = plain if self.disable_optimized else mean_ratio(slo)
        sli.append(recorded(slo, slo.period, period))
        return replace(
            rules,
            sli=replace(rules.sli, rules=tuple(sli)),
            meta=replace(rules.meta, rules=(*rules.meta.rules, *corrections)),
        )


def _correction(window: Duration) -> str:
    return f"slo:numerator_correction:ratio{window}"


def _corrected(slo: SlothSLO, queries: EventQueries, window: Duration) -> str:
    errors, total = render(queries.errors, str(window)), filled(queries.total, window)
    return f"(\n{slo.series(_correction(window))}\n* on()\n{errors}\n)\n/\n{total}\n"
