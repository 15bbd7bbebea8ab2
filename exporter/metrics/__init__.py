"""Prometheus metrics of the prober."""
