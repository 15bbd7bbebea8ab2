"""Keys of our specs that Sloth does not support."""

from slos.schema.spec import SloSpec, Spec

_OURS = ("for", "keep_firing_for", "min_events", "runbook")


def left_out(spec: Spec, slo: SloSpec) -> list[str]:
    """Keys of an SLO that Sloth's rules do not support, as they were written."""
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
    """Keys of a spec outside its SLOs that Sloth does not support."""
    keys = ("recordings", "alerts", "requirements", "dashboard_url", "also_about", "runbook")
    return [key for key in keys if getattr(spec, key)]


def for_command_line(spec: Spec, slo: SloSpec) -> list[str]:
    """Keys that Sloth has as options of a run, each with the option."""
    period, left = slo.period or spec.period, []
    if period:
        left.append(f"period (call Sloth with --default-slo-period {period})")
    if slo.alerting.windows:
        left.append("alerting.windows (write an AlertWindows file for --slo-period-windows-path)")
    return left
