"""Alert of a spec on missing data: one rule, with a series for each SLO that is not counted."""

from collections.abc import Sequence
from decimal import Decimal

from generator import names
from generator.model import SLO, ExpectedGroups
from generator.slo.annotations import describe_no_data_alert
from slos.schema.promql import format_label_names
from slos.schema.spec import Spec
from slos.schema.standalone import StandaloneAlert
from slos.schema.units import Duration

DEFAULT_FOR = Duration.from_parts(minutes=10)
"""Time without data after which its alert fires."""


def build_no_data_alert(spec: Spec, slos: Sequence[SLO]) -> StandaloneAlert | None:
    """Build the alert of a spec as a standalone alert; None if the spec has none or lists no SLO.

    An SLO is missing if its total or its errors are not counted: everything else is computed from
    them. `absent` keeps the labels of equality matchers, so its result names the SLO.
    """
    options = spec.no_data_alert
    listed = [slo for slo in slos if slo.in_no_data_alert]
    if not options or not listed:
        return None
    hold = options.for_ or DEFAULT_FOR
    group_by = sorted({each for slo in slos for each in slo.signal.group_by})
    texts = describe_no_data_alert(group_by, hold, options.runbook)
    fields = {
        **{key: getattr(options, key) for key in options.model_fields_set},
        "for_": hold,
        "severity": options.severity,
        "annotations": {"value": texts["value"], **options.annotations},
        "summary": texts["summary"],
        "description": texts["description"],
        "query": "\nor\n".join(_render_absence(slo) for slo in listed),
        "above": Decimal(0),
        "no_data": "firing",
    }
    return StandaloneAlert.model_construct(None, **fields)


def render_absences(slo: SLO) -> str:
    """Expression that has a value while the total or the errors of an SLO are not counted."""
    step = slo.steps.fine
    return "\nor\n".join(
        f"absent({names.select_series(name(step), slo)})"
        for name in (names.name_total, names.name_errors)
    )


def render_missing_groups(slo: SLO, groups: ExpectedGroups, *, by: Sequence[str]) -> str:
    """Expression of the groups that had events lately, as a long window shows, and have no count.

    Args:
        slo: SLO that is split by labels.
        groups: groups that must not disappear.
        by: labels of the result.
    """
    metric = names.name_error_ratio(groups.seen_within)
    seen = names.select_series(metric, slo)
    if groups.transient:
        transient = f"{seen.removesuffix('}')},{groups.transient}}}"
        seen = f"({seen} unless {transient})"
    counted = names.select_series(names.name_total(slo.steps.fine), slo)
    on = format_label_names(slo.signal.group_by)
    # A ratio of zero is a group as well.
    return f"max by ({format_label_names(by)}) ({seen} ^ 0) unless on ({on}) {counted}"


def _render_absence(slo: SLO) -> str:
    absences = render_absences(slo)
    if slo.expected_groups:
        by = (*names.build_key_labels(slo), *slo.signal.group_by)
        absences += f"\nor on ()\n({render_missing_groups(slo, slo.expected_groups, by=by)})"
    return f"(\n{absences}\n)"
