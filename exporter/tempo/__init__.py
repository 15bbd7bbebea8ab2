"""Traces of agent-sre, as Tempo holds them: found, read, and turned into stage times.

`client` asks; everything else here is pure. Which source of a stage time to believe, and how
long to wait for a trace that is still being written, is decided elsewhere.
"""
