"""Status of SLOs as a Prometheus has recorded them: budget, burn rate, forecast, alerts, gates."""
