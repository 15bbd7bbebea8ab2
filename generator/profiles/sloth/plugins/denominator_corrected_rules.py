"""Plugin of denominator-corrected rules: error ratios weighed by the traffic of the window."""

from dataclasses import replace
from typing import ClassVar

from pydantic import Field, StrictBool

from generator.model import RecordingRule
from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import SloPlugin, SloPluginError
from generator.profiles.sloth.rules import (
    build_period_rule,
    build_sli_rule,
    render_query,
)
from slos.schema.promql import render_template
from slos.schema.sli_signal import EventQueries
from slos.schema.units import Duration


class DenominatorCorrectedRules(SloPlugin):
    """Plugin that replaces the SLI rules and adds the corrections they use to the metadata."""

    ID: ClassVar = "sloth.dev/contrib/denominator_corrected_rules/v1"

    disable_optimized: StrictBool = Field(alias="disableOptimized", default=False)

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        queries = slo.queries
        if not isinstance(queries, EventQueries):
            raise SloPluginError("it needs an 'events' SLI; use error_query and total_query")
        labels = {**slo.identity, **slo.labels}
        total_of_period = render_query(queries.total, slo.period)
        sli, corrections = [], []
        for window in slo.window_lengths:
            sli.append(build_sli_rule(slo, window, _render_corrected_ratio(slo, queries, window)))
            share = f"{render_query(queries.total, window)}/{total_of_period}"
            corrections.append(RecordingRule(_name_correction(window), share, labels))
        sli += build_period_rule(slo, optimized=not self.disable_optimized)
        return replace(
            rules,
            sli=replace(rules.sli, rules=tuple(sli)),
            meta=replace(rules.meta, rules=(*rules.meta.rules, *corrections)),
        )


def _name_correction(window: Duration) -> str:
    return f"slo:numerator_correction:ratio{window}"


def _render_corrected_ratio(slo: SlothSLO, queries: EventQueries, window: Duration) -> str:
    errors, total = (
        render_template(queries.errors, str(window)),
        render_query(queries.total, window),
    )
    return f"(\n{slo.select_series(_name_correction(window))}\n* on()\n{errors}\n)\n/\n{total}\n"
