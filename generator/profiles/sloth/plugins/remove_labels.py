"""Plugin that removes the user's labels from recordings, so that a label change keeps history."""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from generator import names
from generator.model import RecordingRule, Rule, RuleGroup
from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import SloPlugin

# In Sloth these share one label map, so skipping only some of them has no effect.
_ALIKE = {
    names.OBJECTIVE,
    names.ERROR_BUDGET,
    names.PERIOD_DAYS,
    names.CURRENT_BURN_RATE,
    names.PERIOD_BURN_RATE,
    names.BUDGET_REMAINING,
}


class RemoveLabels(SloPlugin):
    """Plugin that removes all labels but the identity, the window and preserved ones."""

    ID: ClassVar = "sloth.dev/contrib/remove_labels/v1"

    preserve_labels: list[str] = Field(alias="preserveLabels", default_factory=list)
    skip_metrics: list[str] = Field(alias="skipMetrics", default_factory=list)

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        ids, preserved = set(names.IDENTITY), set(self.preserve_labels)
        skipped = {names.INFO, *self.skip_metrics}
        if not skipped >= _ALIKE:
            skipped -= _ALIKE
        return replace(
            rules,
            sli=_stripped(rules.sli, ids | preserved | {names.WINDOW}, set(self.skip_metrics)),
            meta=_stripped(rules.meta, ids | (preserved - {names.WINDOW}), skipped),
        )


def _stripped(group: RuleGroup, kept: AbstractSet[str], skipped: AbstractSet[str]) -> RuleGroup:
    return replace(group, rules=tuple(_without(rule, kept, skipped) for rule in group.rules))


def _without(rule: Rule, kept: AbstractSet[str], skipped: AbstractSet[str]) -> Rule:
    if isinstance(rule, RecordingRule) and rule.record not in skipped:
        return replace(rule, labels={k: v for k, v in rule.labels.items() if k in kept})
    return rule
