"""Load by the engine k6: script and manifest of a scenario, and results of its runners.

The prober still serves the canary and observes the events; the engine only sends them.
"""
