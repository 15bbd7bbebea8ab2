"""Clients of Prometheus, of Mimir's ruler API and of the promtool program."""
