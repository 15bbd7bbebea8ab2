"""Simulator of agent-sre with the measured behaviour of the real service, quirks included.

It is the target of `make run` and of the tests. The prober never imports it; it reaches every
agent-sre over HTTP.
"""
