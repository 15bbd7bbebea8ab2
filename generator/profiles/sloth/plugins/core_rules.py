"""Sloth's three rule plugins; each replaces the rules of its group, not its name or interval."""

from dataclasses import replace
from typing import ClassVar

from pydantic import Field, StrictBool

from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import SloPlugin, SloPluginError
from generator.profiles.sloth.rules import build_alert_rules, build_metadata_rules, build_sli_rules


class SliRulesPlugin(SloPlugin):
    """Plugin of the SLI rules; `disableOptimized` reads the period from raw series as well."""

    ID: ClassVar = "sloth.dev/core/sli_rules/v1"

    disable_optimized: StrictBool = Field(alias="disableOptimized", default=False)

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        if slo.period == slo.shortest_window and not self.disable_optimized:
            raise SloPluginError(
                f"the period is the shortest window, {slo.period}; "
                "use a longer period, or set disableOptimized"
            )
        sli_rules = tuple(build_sli_rules(slo, optimized=not self.disable_optimized))
        return replace(rules, sli=replace(rules.sli, rules=sli_rules))


class MetadataRulesPlugin(SloPlugin):
    """Plugin of the metadata rules."""

    ID: ClassVar = "sloth.dev/core/metadata_rules/v1"

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return replace(rules, meta=replace(rules.meta, rules=tuple(build_metadata_rules(slo))))


class AlertRulesPlugin(SloPlugin):
    """Plugin of the burn-rate alerts."""

    ID: ClassVar = "sloth.dev/core/alert_rules/v1"

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return replace(rules, alerts=replace(rules.alerts, rules=tuple(build_alert_rules(slo))))
