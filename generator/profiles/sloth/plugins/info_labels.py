"""Plugin of labels on `sloth_slo_info` or on another metadata recording."""

from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from generator import names
from generator.model import RecordingRule
from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import SloPlugin
from slos.schema.fields import LabelName


class InfoLabels(SloPlugin):
    """Plugin that adds labels to the first metadata recording of a name; they win over others."""

    ID: ClassVar = "sloth.dev/contrib/info_labels/v1"

    labels: Annotated[dict[LabelName, str], Field(min_length=1)]
    metric_name: str = Field(alias="metricName", default=names.INFO)

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        meta_rules = list(rules.meta.rules)
        for index, rule in enumerate(meta_rules):
            if isinstance(rule, RecordingRule) and rule.record == self.metric_name:
                meta_rules[index] = replace(rule, labels={**rule.labels, **self.labels})
                break
        return replace(rules, meta=replace(rules.meta, rules=tuple(meta_rules)))
