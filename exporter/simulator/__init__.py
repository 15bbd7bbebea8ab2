"""A stand-in for agent-sre that behaves as the real one was measured, quirks included.

It is the target of `make run` and of the tests. Nothing here is imported by the probe:
the probe talks HTTP to an agent-sre and cannot know which one it is.
"""
