"""Plugin of an alert for an exhausted error budget."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from generator import names
from generator.model import AlertingRule
from generator.profiles.sloth.model import SlothRules, SlothSLO, format_matchers
from generator.profiles.sloth.plugins import SloPlugin
from generator.text import go
from slos.schema.fields import AlertText, AnnotationName, HoldField, LabelName
from slos.schema.units import Duration

_FIVE_MINUTES = Duration.from_parts(minutes=5)


class ErrorBudgetExhaustedAlert(SloPlugin):
    """Plugin that adds an alert with only the labels and annotations of its configuration."""

    ID: ClassVar = "sloth.dev/contrib/error_budget_exhausted_alert/v1"

    threshold: Decimal = Decimal(0)
    for_: HoldField = Field(alias="for", default=_FIVE_MINUTES)
    annotations: dict[AnnotationName, AlertText] = Field(default_factory=dict)
    alert_name: Annotated[str, Field(min_length=1)] = "ErrorBudgetExhausted"
    selector_labels: dict[LabelName, str] = Field(default_factory=dict)
    alert_labels: dict[LabelName, AlertText] = Field(default_factory=dict)

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        matchers = format_matchers({**slo.identity, **slo.labels, **self.selector_labels})
        limit = go.format_number(float(self.threshold))
        alert = AlertingRule(
            alert=self.alert_name,
            expr=f"{names.BUDGET_REMAINING}{matchers} <= {limit}",
            labels=self.alert_labels,
            annotations=self.annotations,
            for_=self.for_ if self.for_.ms else None,
        )
        return replace(rules, alerts=replace(rules.alerts, rules=(*rules.alerts.rules, alert)))
