"""Clients of other programs: Mimir, Prometheus and promtool."""
