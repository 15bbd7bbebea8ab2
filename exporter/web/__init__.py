"""What the prober shows over HTTP: metrics, health, and the last runs. Read only."""
