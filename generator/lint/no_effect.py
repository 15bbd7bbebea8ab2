"""A setting that changes no rule."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject, SpecSubject
from slos.schema.problem import ProblemSeverity
from slos.schema.promql import format_selector, list_matched_labels

ID = "no-effect"
ALWAYS = True

_GROUP_KEYS = ("seen_within", "transient_groups")
_KEYS = {"for_": "for"}
_SLO_KEYS = ("period", "delay", "max_gap")


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Settings of an absent alert that is not built or has no groups, and labels of no group."""
    alerting, path = subject.slo_spec.alerting, ("alerting", "absent_alert")
    absent = alerting.absent_alert
    if subject.slo.in_no_data_alert:
        for key in sorted(absent.model_fields_set - {"disable", *_GROUP_KEYS}):
            message = f"{key} has no effect, as the spec has a no_data_alert"
            yield LintFinding((*path, _KEYS.get(key, key)), message, "move it to no_data_alert")
    if subject.slo.expected_groups:
        yield from _check_transient_groups(subject, absent.transient_groups)
        return
    if not absent.disable and not alerting.name and absent.model_fields_set:
        message = "absent_alert has no effect, as 'alerting' has no name"
        yield LintFinding(path, message, "add 'name', or remove absent_alert")
        return
    reason, hint = "the SLI is not split by labels", "group the SLI by labels, or remove the key"
    if absent.disable:
        reason, hint = "absent_alert is disabled", "enable absent_alert, or remove the key"
    for key in _GROUP_KEYS:
        if key not in absent.model_fields_set:
            continue
        yield LintFinding((*path, key), f"{key} has no effect, as {reason}", hint)


def _check_transient_groups(subject: SloSubject, selector: str) -> Iterator[LintFinding]:
    """Matchers of labels that no group has: they match no group, or all of them."""
    group_by = subject.slo.signal.group_by
    labels = list_matched_labels(format_selector("up", selector)) - {*group_by, "__name__"}
    for label in sorted(labels):
        yield LintFinding(
            ("alerting", "absent_alert", "transient_groups"),
            f"the SLI is not split by {label!r}, but by {', '.join(group_by)}",
            f"match a label that it is split by, or group by {label!r} as well",
            ProblemSeverity.ERROR,
        )


def check_spec(subject: SpecSubject) -> Iterator[LintFinding]:
    """Settings of SLOs in a spec that has none."""
    spec = subject.spec
    for key in _SLO_KEYS:
        if getattr(spec, key) is not None and not spec.slos:
            message = f"{key} has no effect, as the spec has no SLOs"
            yield LintFinding((key,), message, "remove it, or move it to a spec with SLOs")
