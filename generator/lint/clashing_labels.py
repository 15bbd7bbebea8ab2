"""A fixed label that overrides grouping labels, so that groups have the same labels."""

from collections.abc import Iterator

from generator import names
from generator.lint._subject import LintFinding, SloSubject
from generator.slo.signals import find_contradiction
from slos.schema.problem import ProblemSeverity
from slos.schema.promql import format_operator, quote_string

ID = "clashing-labels"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Find grouping labels that the spec sets too, if no other label distinguishes the groups."""
    slo = subject.slo
    for label in sorted({*slo.labels, *names.RESERVED} & set(slo.signal.group_by)):
        reason, hint = _explain_clash(subject, label)
        message = f"{label!r} is a grouping label of the SLI and a label of the SLO{reason}"
        yield LintFinding(("sli",), message, hint, ProblemSeverity.ERROR)
    yield from _check_alert_labels(subject)


def _explain_clash(subject: SloSubject, label: str) -> tuple[str, str]:
    value = subject.slo.labels.get(label, "")
    if label not in names.RESERVED and (
        matcher := find_contradiction(subject.slo.signal, label, value)
    ):
        selected = f"{label}{format_operator(matcher)}{quote_string(matcher.value)}"
        return (
            f", and the query excludes its value {value!r}",
            f"the query has {selected}; correct one of them",
        )
    return (
        ", and no other label distinguishes the groups",
        "rename the label of the SLO, or group by another label",
    )


def _check_alert_labels(subject: SloSubject) -> Iterator[LintFinding]:
    """Alerts whose fixed labels override every grouping label; Prometheus sends one at most."""
    group_by = set(subject.slo.signal.group_by)
    for meta in subject.slo.alert_metas:
        fixed = {name for name, value in meta.labels.items() if "{{" not in value}
        if group_by and group_by <= fixed:
            yield LintFinding(
                ("alerting",),
                f"the labels of {meta.name} override every grouping label of the SLI, "
                f"{', '.join(sorted(group_by))}",
                "rename a label of the alert; rules with several groups fail otherwise",
                ProblemSeverity.ERROR,
            )
