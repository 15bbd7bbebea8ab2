"""Simulator of Linear's GraphQL API, as far as agent-sre and the prober use it.

It serves tests, and load that the real API would refuse: its limit is a few thousand requests an
hour. Queries are parsed and validated against a schema with Linear's own names, so that a query
that runs here is valid for Linear. Issues are kept in memory, up to a limit.
"""
