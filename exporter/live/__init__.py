"""`make run`: the whole loop live on loopback, every component the true one.

Starts the agent-sre simulator, `slo-probe run`, a Prometheus that scrapes it and loads the
built rules, and an Alertmanager; shows what they say; stops them all. It talks to them over
HTTP only, as any user would.
"""
