"""A stand-in for Linear's GraphQL API, as far as agent-sre and the prober use it.

It serves tests, and load that the real one would refuse: its own limit is a few thousand
requests an hour. Queries are read and checked against a schema with Linear's own names, so a
query that runs here is one that Linear understands. Issues live in memory, up to a bound.
"""
