"""Engine of the prober: sends alerts, receives calls, judges runs, cleans up."""
