"""Sloth's three rule plugins; each replaces the rules of its group, not its name or interval."""

from dataclasses import replace
from typing import ClassVar

from pydantic import Field, StrictBool

from generator.groups import sloth_alerts, sloth_meta, sloth_sli
from generator.slo_plugins import PluginError, SloPlugin
from generator.sloth.model import SlothRules, SlothSLO


class SliRules(SloPlugin):
    """Plugin of the SLI rules; `disableOptimized` reads the period from raw series as well."""

    ID: ClassVar = "sloth.dev/core/sli_rules/v1"

    disable_optimized: StrictBool = Field(alias="disableOptimized", default=False)

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        if slo.period == slo.shortest and not self.disable_optimized:
            raise PluginError(
                f"the period is the shortest window, {slo.period}; "
                "make it longer, or set disableOptimized"
            )
        made = tuple(sloth_sli.sli_rules(slo, optimized=not self.disable_optimized))
        return replace(rules, sli=replace(rules.sli, rules=made))


class MetadataRules(SloPlugin):
    """Plugin of the metadata rules."""

    ID: ClassVar = "sloth.dev/core/metadata_rules/v1"

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return replace(rules, meta=replace(rules.meta, rules=tuple(sloth_meta.metadata_rules(slo))))


class AlertRules(SloPlugin):
    """Plugin of the burn-rate alerts."""

    ID: ClassVar = "sloth.dev/core/alert_rules/v1"

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return replace(
            rules, alerts=replace(rules.alerts, rules=tuple(sloth_alerts.alert_rules(slo)))
        )
