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
_SHARED_LABEL_METRICS = {
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
        skipped_metrics = {names.INFO, *self.skip_metrics}
        if not skipped_metrics >= _SHARED_LABEL_METRICS:
            skipped_metrics -= _SHARED_LABEL_METRICS
        return replace(
            rules,
            sli=_remove_group_labels(
                rules.sli, ids | preserved | {names.WINDOW}, set(self.skip_metrics)
            ),
            meta=_remove_group_labels(
                rules.meta, ids | (preserved - {names.WINDOW}), skipped_metrics
            ),
        )


def _remove_group_labels(
    group: RuleGroup, kept_labels: AbstractSet[str], skipped_metrics: AbstractSet[str]
) -> RuleGroup:
    return replace(
        group,
        rules=tuple(
            _remove_rule_labels(rule, kept_labels, skipped_metrics) for rule in group.rules
        ),
    )


def _remove_rule_labels(
    rule: Rule, kept_labels: AbstractSet[str], skipped_metrics: AbstractSet[str]
) -> Rule:
    if isinstance(rule, RecordingRule) and rule.record not in skipped_metrics:
        return replace(rule, labels={k: v for k, v in rule.labels.items() if k in kept_labels})
    return rule
