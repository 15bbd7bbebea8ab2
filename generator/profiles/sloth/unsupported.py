"""Keys of our specs that Sloth does not support."""

from slos.schema.spec import SloSpec, Spec

_UNSUPPORTED_ALERT_KEYS = ("for", "keep_firing_for", "min_events", "runbook")


def list_unsupported_keys(spec: Spec, slo: SloSpec) -> list[str]:
    """Keys of an SLO that Sloth's rules do not support, as they were written."""
    alerting, keys = slo.alerting, []
    for name, alert in (
        ("page_alert", alerting.page_alert),
        ("ticket_alert", alerting.ticket_alert),
    ):
        written = {"for" if key == "for_" else key for key in alert.model_fields_set}
        keys += [f"{name}.{key}" for key in _UNSUPPORTED_ALERT_KEYS if key in written]
    if alerting.absent_alert.model_fields_set and not alerting.absent_alert.disable:
        keys.append("absent_alert")
    if alerting.threshold_alerts:
        keys.append("threshold_alerts")
    if alerting.runbook.model_fields_set:
        keys.append("runbook")
    if spec.runbook_url_prefix:
        keys.append("runbook_url_prefix")
    return keys


def list_standalone_keys(spec: Spec) -> list[str]:
    """Keys of a spec outside its SLOs that Sloth does not support."""
    keys = ("recordings", "alerts", "requirements", "dashboard_url", "also_about", "runbook")
    return [key for key in keys if getattr(spec, key)]


def list_command_line_keys(spec: Spec, slo: SloSpec) -> list[str]:
    """Keys that Sloth has as options of a run, each with the option."""
    period, keys = slo.period or spec.period, []
    if period:
        keys.append(f"period (use --default-slo-period {period} of Sloth)")
    if slo.alerting.windows:
        keys.append("alerting.windows (use an AlertWindows file with --slo-period-windows-path)")
    return keys
