"""Client of the Prometheus HTTP API: instant and range queries.

The caller decides what to query and interprets the result.
"""
