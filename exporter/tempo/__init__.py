"""Traces of agent-sre in Tempo: search, parse, and compute stage times.

`client` does I/O; everything else here is pure. The precedence of sources, and how long to wait for
a trace that is still incomplete, are decided elsewhere.
"""
