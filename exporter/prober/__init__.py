"""Prober: sends synthetic alerts, receives calls, judges runs and cleans up."""
