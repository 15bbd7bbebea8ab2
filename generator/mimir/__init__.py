"""Rules into Grafana Mimir through its ruler API: what is there, what should be, and the way."""
