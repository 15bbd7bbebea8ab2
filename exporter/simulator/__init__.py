"""Simulators of agent-sre and of Linear, with fault injection.

They are the targets of `make run` and of the tests, and reproduce the measured behaviour of the
real services, mistakes included. The prober does not import them; it sends HTTP requests.
"""
