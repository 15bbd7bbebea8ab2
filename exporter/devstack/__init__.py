"""Demo of the whole loop on loopback (`make run`), with real components.

It starts the agent-sre simulator, `slo-probe run`, a Prometheus that scrapes it and loads the built
rules, and an Alertmanager; it shows their state and stops them all. It uses their HTTP interfaces
only.
"""
