"""HTTP server of the prober: metrics, health, the last runs, reload and scenarios."""
