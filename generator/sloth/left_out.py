"""What our specs can say and Sloth has no key for."""

from slos.schema.spec import SloSpec, Spec

_OURS = ("for", "keep_firing_for", "min_events", "runbook")


def left_out(spec: Spec, slo: SloSpec) -> list[str]:
    """The keys of an SLO that Sloth's rules have no place for, as they were written."""
    alerting, left = slo.alerting, []
    for name, alert in (
        ("page_alert", alerting.page_alert),
        ("ticket_alert", alerting.ticket_alert),
    ):
        written = {"for" if key == "for_" else key for key in alert.model_fields_set}
        left += [f"{name}.{key}" for key in _OURS if key in written]
    if alerting.absent_alert.model_fields_set and not alerting.absent_alert.disable:
        left.append("absent_alert")
    if alerting.threshold_alerts:
        left.append("threshold_alerts")
    if alerting.runbook.model_fields_set:
        left.append("runbook")
    if spec.runbook_url_prefix:
        left.append("runbook_url_prefix")
    return left


def beside_slos(spec: Spec) -> list[str]:
    """The keys of a spec that watch something Sloth knows nothing of."""
    keys = ("recordings", "alerts", "requirements", "dashboard_url", "also_about", "runbook")
    return [key for key in keys if getattr(spec, key)]


def for_command_line(spec: Spec, slo: SloSpec) -> list[str]:
    """The keys that Sloth takes for all SLOs of a run at once, and what to call it with."""
    period, left = slo.period or spec.period, []
    if period:
        left.append(f"period (call Sloth with --default-slo-period {period})")
    if slo.alerting.windows:
        left.append("alerting.windows (write an AlertWindows file for --slo-period-windows-path)")
    return left
