"""SLO specs of agent-sre and of the prober, and the schema of specs."""
