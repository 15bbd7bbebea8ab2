"""Plugin of the evaluation intervals of the rule groups."""

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import PluginConfig, SloPlugin
from slos.schema.fields import DurationField


class Intervals(PluginConfig):
    """Intervals: a default, and one for each group that differs."""

    default: DurationField
    sli_error: DurationField | None = Field(alias="sliError", default=None)
    metadata: DurationField | None = None
    alert: DurationField | None = None


class RuleIntervals(SloPlugin):
    """Plugin that sets the `interval` of the three groups."""

    ID: ClassVar = "sloth.dev/contrib/rule_intervals/v1"

    interval: Intervals

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        intervals = self.interval
        return replace(
            rules,
            sli=replace(rules.sli, interval=intervals.sli_error or intervals.default),
            meta=replace(rules.meta, interval=intervals.metadata or intervals.default),
            alerts=replace(rules.alerts, interval=intervals.alert or intervals.default),
        )
