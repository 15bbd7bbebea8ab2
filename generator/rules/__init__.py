"""SLO to PromQL."""
